"""Beginnings to try, after what a model writes: data, and so in no catalogue."""

from __future__ import annotations

from litteragpt.checkpoint import CheckpointInfo

NAMES = ("Santa ", "Jardim ", "Vila ", "Parque ", "Nova ")
PORTUGUESE = (
    "Marte é um planeta",
    "A cidade de Lisboa",
    "O futebol é",
    "Era uma vez",
    "A história do Brasil",
)
SPANISH = (
    "En un lugar de la Mancha",
    "Pues sepa vuestra merced",
    "La heroica ciudad dormía",
    "Se puso el sol.",
    "Serían las diez de la mañana",
)
"""How the five works begin."""

TO_MARK = {
    "mail_es": (
        "Hola, Marta:\n\n¿Podemos reunirnos el jueves 12 de marzo a las 10:30 en la oficina de "
        "Sevilla? Vendrán también Javier Ortega y la doctora Inés Quiroga, de Iberdrola. Si no te "
        "va bien, escríbeme a lucia.ferrer@example.com antes del lunes.\n\nUn saludo,\nLucía Ferrer"
    ),
    "mail_pt": (
        "Oi, João,\n\nVamos marcar a reunião com a Petrobras para sexta-feira, 20/02/2026, às "
        "14h30, no Recife? A Ana Beatriz Souza confirma amanhã de manhã. Qualquer coisa, escreva "
        "para rui.mendes@example.com.br.\n\nAbraço,\nRui Mendes"
    ),
    "mail_en": (
        "Schedule a meeting with John at john@example.com at 7:30 PM on 25 May 2026. Mary O'Brien "
        "from Siemens will join us from Dublin at half past eight; please move the call with "
        "Dr. Patel to next Tuesday."
    ),
    "news_es": (
        "Miguel de Cervantes publicó la primera parte del Quijote en Madrid en 1605; el 23 de "
        "abril de 1616 murió allí, y hoy el Instituto Cervantes y la UNESCO lo recuerdan cada año."
    ),
}
"""Texts with entities: a mail in each language, and a line of news."""


def examples_for(info: CheckpointInfo) -> tuple[str, ...]:
    """Beginnings in the language and of the kind that a model was trained on."""
    if info.reads == "lines":
        return NAMES
    return PORTUGUESE if info.language == "pt" else SPANISH
