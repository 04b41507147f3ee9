"""Questions answered from the user's own documents, each answer a stretch of one of them."""

from __future__ import annotations

from litteragpt.answers.answer import Answer, FoundPassage, answer
from litteragpt.answers.documents import Document, DocumentError, read_document
from litteragpt.answers.index import Index, Reranker, Update, update_index

__all__ = [
    "Answer",
    "Document",
    "DocumentError",
    "FoundPassage",
    "Index",
    "Reranker",
    "Update",
    "answer",
    "read_document",
    "update_index",
]
