"""What we know about a user at a moment; ``user_features`` lays all parts side by side."""

from features.users.profile import DEFAULT_ZONE, USER_FEATURES, user_features

__all__ = ["DEFAULT_ZONE", "USER_FEATURES", "user_features"]
