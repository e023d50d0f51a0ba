"""The application: schedule, ingest, deliver, channels, commands, web, command line."""
