"""Questions answered from the user's own documents, each answer a passage of one of them."""

from __future__ import annotations


from litteragpt.answers.documents import Document, DocumentError, read_document
from litteragpt.answers.index import Index, Update, update_index

__all__ = [

    "Document",
    "DocumentError",

    "Index",
    "Update",

    "read_document",
    "update_index",
]
