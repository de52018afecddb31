"""The people who work at the console: who they are, what their role lets them do, how they sign in."""
