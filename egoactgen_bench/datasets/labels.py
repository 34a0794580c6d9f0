"""Action labels from Ego4D's narrations: the narrator's tag removed, the verb in its base form."""

import re
from functools import lru_cache

# The narrator writes "#C C" for the camera wearer, also as "#c c", "#C  C", "#CC", "#C" or "C".
_CAMERA_WEARER = re.compile(r"\s*(?:#\s*)?c(?:\s*c)?\b[\s.,:;]*", re.IGNORECASE)
_WHITE_SPACE = re.compile(r"\s")


def ego4d_label(narration: str) -> str | None:
    """`"#C C picks a cup"` → `"pick a cup"`; the result may be empty.

    None if somebody else acts ("#O …") or the narration does not say who ("#unsure …").
    """
    tag = _CAMERA_WEARER.match(narration)
    if tag is None:
        return None
    text = _WHITE_SPACE.sub(" ", narration[tag.end() :]).strip()
    verb, space, rest = text.partition(" ")
    return base_form(verb) + space + rest


@lru_cache(maxsize=4096)
def base_form(verb: str) -> str:
    """`"Picks"` → `"pick"`; any other word than a verb is only lower-cased.

    Of several base forms ("ground": grind, ground), the shortest is returned, and among equally
    short ones the word itself, as by the WordNet lemmatiser of the released code.
    """
    from lemminflect import getAllLemmas, getLemma

    word = verb.lower()
    if not (word.isascii() and word.isalpha()):
        return word
    lemmas = getAllLemmas(word, upos="VERB").get("VERB") or getLemma(word, upos="VERB") or (word,)
    return str(min(lemmas, key=lambda lemma: (len(lemma), lemma != word)))
