"""The pages of the console, one module each; all are put on the app by ``add(app, desk)``."""
