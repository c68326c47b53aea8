"""Words for pictures: emoji annotations (CLDR, emojibase) and WordNet hypernyms."""

import functools
import json
import re
import unicodedata

# Hypernyms that a person would also use as a label; the rest of WordNet's upper
# levels (entity, whole, artifact) says nothing about a picture.
_BROAD = """
aircraft airplane alcohol amphibian animal antelope appliance arachnid armor arthropod
artist athlete atmospheric_phenomenon bag ball basket bear beverage bicycle big_cat
bird bird_of_prey boat body_of_water body_part book bottle box bread bridge building
camera candy car cartoon castle cat celestial_body chair chemical child church city
cloth clothing coin color computer container conveyance cooking_utensil costume
country crustacean currency dancer deer deity dessert device disease dish document dog
dragon drug electronic_equipment emblem emotion fabric farm_animal fastener feline
figure firearm fish flag flower food footwear frog fruit fungus furniture game garment
geological_formation glass gun hand_tool hat headdress herb holiday horse house human
insect instrument jewelry kitchen_utensil knife lamp landscape leader letter lizard
lock machine mammal man map measuring_instrument meat medicine military_uniform
mollusk money monkey motor_vehicle mountain mushroom musical_instrument musician
mythical_monster number nut office_furniture optical_instrument organ ornament pan
pasta percussion_instrument performer person plane_figure planet plant polygon
precipitation primate reptile restaurant road robot rodent room sailing_vessel sauce
science scientist sea seat shape shellfish ship shoe shop sign signal skirt snack
snake soldier spacecraft spice spiritual_being sport sports_equipment star
stringed_instrument structure symbol table telephone timepiece tool tower toy train
tree truck turtle uniform utensil vegetable vehicle vessel war warship weapon weather
whale wheel wheeled_vehicle wind_instrument wine woman worker worm writing_implement
"""
BROAD = frozenset(_BROAD.split())

# What a broad class is also called, or belongs to.
ALSO = {
    "vehicle": ("transport", "transportation"),
    "conveyance": ("transport", "transportation"),
    "spacecraft": ("space",),
    "celestial body": ("space",),
    "electronic equipment": ("electronics",),
    "computer": ("electronics",),
    "telephone": ("electronics", "phone"),
    "ornament": ("decoration",),
    "transport sign": ("road sign", "roadsign", "sign"),
    "deity": ("religion",),
    "musical instrument": ("music",),
    "musician": ("music", "person"),
    "athlete": ("sport", "person"),
    "sports equipment": ("sport",),
    "ball": ("sport",),
    "beverage": ("drink",),
    "writing implement": ("office",),
    "headdress": ("hat", "clothing"),
    "footwear": ("shoe", "clothing"),
    "garment": ("clothing",),
    "ship": ("boat",),
    "human": ("person",),
    "atmospheric phenomenon": ("weather",),
}
CONTINENTS = {
    "europe": "europe",
    "asia": "asia",
    "africa": "africa",
    "north_america": "america",
    "central_america": "america",
    "south_america": "america",
    "caribbean": "america",
    "oceania": "oceania",
    "australia": "oceania",
    "polynesia": "oceania",
    "micronesia": "oceania",
    "melanesia": "oceania",
}


def slug(text):
    """Return `text` as iconify writes names: ascii words joined by hyphens."""
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("'", "")).strip("-")


class WordNet:
    """The nouns of WordNet: first senses and the broad classes above them.

    Parameters
    ----------
    folder : Path
        The folder with ``index.noun`` and ``data.noun``.
    """

    def __init__(self, folder):
        self.senses = {}
        for line in (folder / "index.noun").read_text(encoding="utf-8").splitlines():
            if not line.startswith(" "):
                fields = line.split()
                self.senses[fields[0]] = fields[-int(fields[2]) :]
        self.lemmas, self.parents, self.wholes, self.glosses = {}, {}, {}, {}
        for line in (folder / "data.noun").read_text(encoding="utf-8").splitlines():
            if not line.startswith(" "):
                self._read(line)

    def _read(self, line):
        head, _, gloss = line.partition(" | ")
        fields = head.split()
        offset, n_words = fields[0], int(fields[3], 16)
        self.lemmas[offset] = [w.lower() for w in fields[4 : 4 + 2 * n_words : 2]]
        pointers = fields[5 + 2 * n_words :]
        linked = [
            (pointers[i], pointers[i + 1]) for i in range(0, len(pointers) - 3, 4)
        ]
        self.parents[offset] = [to for kind, to in linked if kind in ("@", "@i")]
        self.wholes[offset] = [to for kind, to in linked if kind == "#p"]
        self.glosses[offset] = gloss.split(";")[0].strip()

    @functools.cache  # noqa: B019 - one instance per run
    def ancestors(self, offset):
        """Return every synset above `offset`, and itself."""
        found = {offset}
        for parent in self.parents[offset]:
            found |= self.ancestors(parent)
        return frozenset(found)

    def broad(self, term):
        """Return the broad classes of a noun's first sense.

        Parameters
        ----------
        term : str
            A word or a phrase; a phrase WordNet does not know is looked up by its
            last word, and a plural by its singular.

        Returns
        -------
        set of str
            Classes out of `BROAD`, with spaces.
        """
        words = term.lower().split()
        tries = ["_".join(words), *words[-1:]]
        tries += [t[:-1] for t in tries if t.endswith("s")]
        sense = next((self.senses[t][0] for t in tries if t in self.senses), None)
        if sense is None:
            return set()
        names = {n for s in self.ancestors(sense) for n in self.lemmas[s]}
        classes = {name.replace("_", " ") for name in names & BROAD}
        return classes.union(*(ALSO.get(name, ()) for name in classes))

    def continents(self, place):
        """Return the continents that any place of this name is part of."""
        found, tried = set(), set()
        reach = list(self.senses.get(place.lower().replace(" ", "_"), ()))
        while reach:
            offset = reach.pop()
            if offset not in tried:
                tried.add(offset)
                found |= set(self.lemmas[offset]) & set(CONTINENTS)
                reach += self.wholes[offset]
        return {CONTINENTS[name] for name in found}

    def pairs(self):
        """Yield (noun, classes, gloss) of the concrete nouns, for text alone."""
        for lemma, offsets in self.senses.items():
            if re.fullmatch(r"[a-z][a-z_-]{2,24}", lemma):
                classes = self.broad(lemma.replace("_", " ")) - {"human"}
                if classes and classes != {"person"}:
                    yield lemma.replace("_", " "), classes, self.glosses[offsets[0]]


def emoji_names(cldr, emojibase):
    """Return what is said of each emoji, by slug and by code points.

    Parameters
    ----------
    cldr, emojibase : Path
        The unpacked packages ``cldr-annotations-full`` and ``emojibase-data``.

    Returns
    -------
    dict of str to tuple (str, set of str)
        The name and the keywords, keyed by slug and by lower-case hex code.
    """
    path = cldr / "annotations" / "en" / "annotations.json"
    annotations = json.loads(path.read_text(encoding="utf-8"))["annotations"][
        "annotations"
    ]
    messages = json.loads(
        (emojibase / "en" / "messages.json").read_text(encoding="utf-8")
    )
    groups = {g["order"]: g["message"] for g in messages["groups"]}
    subgroups = {g["order"]: g["message"] for g in messages["subgroups"]}
    known = {}
    for emoji in json.loads(
        (emojibase / "en" / "data.json").read_text(encoding="utf-8")
    ):
        said = annotations.get(emoji["emoji"].replace("\ufe0f", ""), {})
        words = set(emoji.get("tags", ())) | set(said.get("default", ()))
        words.add(groups.get(emoji.get("group"), ""))
        message = subgroups.get(emoji.get("subgroup"), "")
        words |= {w.strip() for w in re.split("[&/]", message)}
        entry = (emoji["label"].lower().replace(":", ""), words - {"components", ""})
        code = emoji["hexcode"].lower()
        known[code] = known[code.replace("-fe0f", "")] = entry
        known[slug(emoji["label"])] = entry
        for name in said.get("tts", ()):
            known.setdefault(slug(name), entry)
    return known


def unicode_names():
    """Return Unicode character names keyed by their letters without spaces."""
    names = {}
    for code in [*range(0x2000, 0x3300), *range(0x1F000, 0x1FB00)]:
        name = unicodedata.name(chr(code), "").lower()
        if name:
            names[re.sub(r"[^a-z0-9]", "", name)] = name
    return names
