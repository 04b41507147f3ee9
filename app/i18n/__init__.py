"""Every word the app says, in Spanish, Portuguese and English."""

from app.i18n.words import LANGUAGES, Words

__all__ = ["LANGUAGES", "Words"]
