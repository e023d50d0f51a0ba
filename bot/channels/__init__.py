"""Out to people: one module per channel (Telegram, Matrix, mail, webhook), none of which knows another."""
