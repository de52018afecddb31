"""The console: the desk of the risk team, of operators and of analysts; server-rendered, English and Chinese.

`app` puts every page on one ASGI app · `desk` what each page stands on · `pages` the pages · `texts` their words ·
`templates` and `static` what a browser gets.
"""
