"""Abuse studies: any labelled log, judged by time beside plain rules and learners."""
