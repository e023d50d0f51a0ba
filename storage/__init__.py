"""What is remembered: tables, migrations, queries. No network, no policy, no text for people."""
