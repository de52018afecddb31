"""Scopes in the OpenAPI document: what a key must be allowed, in words and as ``x-scope``.

FastAPI writes the scopes of a route into its security requirement, which is what the contract check compares; people
read descriptions, and generators that know nothing of requirements read ``x-scope``.
"""

from __future__ import annotations

from typing import Any

from serving.openapi.describe import operations


def with_scopes(document: dict[str, Any]) -> dict[str, Any]:
    """Name the scope of each operation that needs a key."""
    for _, _, operation in operations(document):
        scopes = scopes_of(operation)
        if scopes:
            operation["x-scope"] = " ".join(scopes)
            said = " and ".join(f"`{scope}`" for scope in scopes)
            operation["description"] = f"{operation.get('description', '')}\n\nScope: {said}.".strip()
    return document


def scopes_of(operation: dict[str, Any]) -> list[str]:
    """The scopes that the security requirement of an operation asks for."""
    return sorted({scope for option in operation.get("security", []) for scopes in option.values() for scope in scopes})
