"""`streamlit`, with the taggers of `rule_taggers`: `python -m tests.browser.by_rules run …`."""

from streamlit.web.cli import main

from tests.rule_taggers import install

install()
main()
