"""Texts with their entities from a language model behind an OpenAI-compatible endpoint.

The model is asked for a few records at a time in the original's form (words labelled in BIO).
Whatever it replies is checked record by record: what is malformed, or says of a text what is not
in it, is reported and dropped, and so is a text that is there already.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from litteragpt.bounds import check_whole
from litteragpt.entities.readers import MAX_LINE_BYTES, labelled_record, read_jsonl
from litteragpt.entities.record import INTENTS, Record
from litteragpt.files import parse_json_object

DEFAULT_URL: Final = "https://api.openai.com/v1"
DEFAULT_MODEL: Final = "gpt-4.1-mini"
LABELS: Final = ("DATE", "TIME", "EMAIL", "NAME")
BATCH: Final = 10
"""Records asked for at once."""
MAX_REPLY_BYTES: Final = 4 * 2**20
MAX_TEXT: Final = 2_000
"""Characters of a record's text."""
_TRIES: Final = 6
_LONGEST_WAIT: Final = 120.0  # seconds
_BARREN: Final = 5
"""After so many replies in a row with no new record, the model has nothing more to give."""

PROMPT: Final = """\
You write training data for a model that finds entities in e-mails about meetings and tells what \
their writer wants.

Reply with one JSON object, {{"records": [...]}}, and nothing else. Each record has three fields:
- "text": one message or sentence, in {language}, as a real person would write it.
- "labels": the words of its entities, in the order of the text, each as \
{{"word": "...", "label": "..."}}. The first word of an entity has B- before the label, its other \
words I-. Leave out words that belong to no entity. Copy every word exactly from the text.
- "intent": "inquiry" (asking about a meeting, or to arrange or move one) or "cancel".

Labels: DATE, TIME, EMAIL, NAME (persons). Prepositions, articles and titles such as Dr. are no \
part of an entity; "next" in "next Monday" is. An e-mail address is one word.

Example:
{{"records": [{{"text": "Could Ana join us next Monday at 7 PM? Reply to ana.ruiz@example.org.", \
"labels": [{{"word": "Ana", "label": "B-NAME"}}, {{"word": "next", "label": "B-DATE"}}, \
{{"word": "Monday", "label": "I-DATE"}}, {{"word": "7", "label": "B-TIME"}}, \
{{"word": "PM", "label": "I-TIME"}}, {{"word": "ana.ruiz@example.org", "label": "B-EMAIL"}}], \
"intent": "inquiry"}}]}}

Vary everything: who writes, how formally, how long, the forms of dates and times, the order and \
the number of the entities; keep both intents about as frequent.
"""


class EndpointError(ValueError):
    """The endpoint cannot be used: it refuses, or does not answer however often it is asked."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model is, and how to ask it."""

    url: str = DEFAULT_URL
    """The base address, to which `/chat/completions` is added."""
    model: str = DEFAULT_MODEL
    key: str = field(default="", repr=False)
    """Sent as a bearer token; none where it is empty. It is in no message and no repr."""
    timeout: float = 120.0
    """Seconds to wait for a reply."""

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
            raise ValueError("the base URL must be http(s)://HOST/PATH without a query")
        if not self.model:
            raise ValueError("the model must not be empty")
        if not self.key.isascii() or not self.key.isprintable():
            raise ValueError("the key must be printable ASCII")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Endpoint:
        """Of OPENAI_BASE_URL, OPENAI_MODEL and OPENAI_API_KEY.

        Raises ValueError where there is no key for the default address.
        """
        url = environment.get("OPENAI_BASE_URL") or DEFAULT_URL
        key = environment.get("OPENAI_API_KEY", "").strip()
        if url == DEFAULT_URL and not key:
            raise ValueError("set OPENAI_API_KEY, or OPENAI_BASE_URL to an endpoint without a key")
        return cls(url, environment.get("OPENAI_MODEL") or DEFAULT_MODEL, key)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a run has brought."""

    kept: int
    """Records now in the file, those of earlier runs included."""
    bad: int
    duplicates: int


def gather(
    path: Path,
    count: int,
    endpoint: Endpoint,
    *,
    language: str = "English",
    report: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Gathered:
    """Ask until the JSONL file at `path` holds `count` records; those already there count.

    Each record is on disk before the next request, so a run that was cut off goes on where it
    was. `language` is named to the model in English; `report` gets a line on progress and on each
    record dropped; `sleep` takes the seconds to wait before asking again.

    Raises ValueError for a file that holds anything but records, EndpointError where the endpoint
    refuses, does not answer after several tries, or has nothing new any more.
    """
    check_whole("count", count, 1, 1_000_000)
    _mend(path)
    texts = {record.text for record in read_jsonl(path)} if path.exists() else set[str]()
    bad = duplicates = barren = 0
    with path.open("ab") as file:
        while len(texts) < count:
            before = len(texts)
            asked = min(BATCH, count - before)
            content = _ask(endpoint, _messages(language, asked, before), report, sleep)
            for record in _checked(content, report):
                if record is None:
                    bad += 1
                elif record.text in texts:
                    duplicates += 1
                    report(f"dropped, there already: {record.text[:60]!r}")
                elif len(texts) < count:
                    texts.add(record.text)
                    line = json.dumps(record.to_dict(), ensure_ascii=False)
                    file.write(f"{line}\n".encode("utf-8", "backslashreplace"))
            file.flush()
            report(f"{len(texts)}/{count} records")
            barren = 0 if len(texts) > before else barren + 1
            if barren == _BARREN:
                raise EndpointError(
                    f"the last {_BARREN} replies held no new record; {len(texts)} are in {path}"
                )
    return Gathered(len(texts), bad, duplicates)


def _mend(path: Path) -> None:
    """Cut off half a line at the end of a file, which a run leaves that was killed."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("r+b") as file:
        start = max(file.seek(0, 2) - MAX_LINE_BYTES, 0)
        file.seek(start)
        whole, _, last = file.read().rpartition(b"\n")
        if not last:
            return
        try:
            parse_json_object(last, "the last line")
            file.write(b"\n")
        except ValueError:
            file.truncate(start + len(whole) + 1 if whole else 0)


def _messages(language: str, asked: int, done: int) -> list[dict[str, str]]:
    # The number of those before keeps an endpoint from giving a cached reply again.
    wish = f"Write {asked} records in {language}, unlike the {done} you have written before."
    return [
        {"role": "system", "content": PROMPT.format(language=language)},
        {"role": "user", "content": wish},
    ]


def _checked(content: str, report: Callable[[str], None]) -> list[Record | None]:
    """The records of a reply; None for each that is bad, and for a reply that holds none."""
    # Some models put JSON between fences, or a word before it.
    body = content[content.find("{") : content.rfind("}") + 1]
    try:
        items = parse_json_object(body.encode("utf-8", "replace"), "the reply").get("records")
        if not isinstance(items, list):
            raise ValueError("the reply holds no list of records")
    except ValueError as error:
        report(f"dropped, {error}")
        return [None]
    found: list[Record | None] = []
    for number, item in enumerate(items, start=1):
        try:
            record = labelled_record(item, f"record {number}")
            if not 0 < len(record.text.strip()) <= MAX_TEXT:
                raise ValueError(f"record {number}: the text must have 1 to {MAX_TEXT} characters")
            if record.intent not in INTENTS:
                raise ValueError(f"record {number}: intent must be {' or '.join(INTENTS)}")
            if strange := {each.label for each in record.entities} - set(LABELS):
                raise ValueError(f"record {number}: no label is {min(strange)}")
            found.append(record)
        except ValueError as error:
            report(f"dropped, {error}")
            found.append(None)
    return found


def _ask(
    endpoint: Endpoint,
    messages: list[dict[str, str]],
    report: Callable[[str], None],
    sleep: Callable[[float], None],
) -> str:
    """What the model says; asked again, ever later, where that may help."""
    problem, wait = "", 0.0
    for attempt in range(_TRIES):
        if attempt:
            report(f"{problem}: asking again in {wait:.0f} s")
            sleep(wait)
        wait = min(2.0**attempt, _LONGEST_WAIT)
        try:
            return _content(_post(endpoint, messages))
        except urllib.error.HTTPError as error:
            problem = f"the endpoint answers {error.code}"
            if error.code not in (408, 409, 429) and error.code < 500:
                # Its body may repeat the key, so it is not shown.
                raise EndpointError(
                    f"{problem}: check the address, the model and the key"
                ) from None
            wait = max(wait, _retry_after(error.headers.get("Retry-After")))
        except (OSError, http.client.HTTPException) as error:
            problem = f"no answer ({type(error).__name__})"
        except ValueError as error:
            problem = str(error)
    raise EndpointError(f"{problem}, {_TRIES} times")


def _post(endpoint: Endpoint, messages: list[dict[str, str]]) -> bytes:
    body = {
        "model": endpoint.model,
        "messages": messages,
        "temperature": 1.0,
        "response_format": {"type": "json_object"},
    }
    headers = {"Content-Type": "application/json"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    request = urllib.request.Request(
        f"{endpoint.url.rstrip('/')}/chat/completions", json.dumps(body).encode(), headers
    )
    with _OPENER.open(request, timeout=endpoint.timeout) as reply:
        data: bytes = reply.read(MAX_REPLY_BYTES + 1)
    if len(data) > MAX_REPLY_BYTES:
        raise ValueError(f"the reply is larger than {MAX_REPLY_BYTES:,} bytes")
    return data


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key goes nowhere but to the address that was given."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


def _content(data: bytes) -> str:
    choices = parse_json_object(data, "the reply").get("choices")
    try:
        content = choices[0]["message"]["content"]  # type: ignore[index]
    except (TypeError, KeyError, IndexError):
        content = None
    if not isinstance(content, str):
        raise ValueError("the reply is no chat completion")
    return content


def _retry_after(value: str | None) -> float:
    """Seconds that the endpoint asks to wait, at most two minutes; 0 where it does not say."""
    try:
        seconds = float(value or 0)
    except ValueError:  # a date
        return _LONGEST_WAIT / 4
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else 0.0
