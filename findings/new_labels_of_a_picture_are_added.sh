#!/usr/bin/env bash
# chromadb 1.5.9 (numpy 2.4.6)
#
# Behaviour: labels kept as marks in the metadata of a picture, {"cat": True}, are added
# to when they are set anew: upsert and update leave every key that the new dict does
# not name, so that a picture that is a dog and no cat is found as both. add() of an id
# that is there is passed over, embedding and all, where its documentation says that it
# is a ValueError. Lists of labels, {"labels": ["dog"]}, are replaced.
#
# Guess: the metadata that upsert is given are those of the record afterwards, as the
# embedding is; and add() raises what it is documented to raise.
#
# Seen, of a picture that was {"cat": True} and is given {"dog": True}:
#   upsert  {'cat': True, 'dog': True}   embedding [0, 1]   found as a cat
#   update  {'cat': True, 'dog': True}   embedding [0, 1]   found as a cat
#   add     {'cat': True}                embedding [1, 0]   found as a cat
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chromadb==1.5.9 numpy==2.4.6

cd "$work"
ANONYMIZED_TELEMETRY=False "$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import chromadb

print(f"chromadb {version('chromadb')}, numpy {version('numpy')}")
client = chromadb.EphemeralClient()

seen = {}
for way in ("upsert", "update", "add"):
    pictures = client.create_collection(f"pictures-{way}", embedding_function=None)
    old = {"cat": True, "labels": ["cat"]}
    pictures.add(ids=["1.png"], embeddings=[[1, 0]], metadatas=[old])
    new = {"dog": True, "labels": ["dog"]}
    getattr(pictures, way)(ids=["1.png"], embeddings=[[0, 1]], metadatas=[new])
    got = pictures.get(include=["embeddings", "metadatas"])
    (marks,) = got["metadatas"]
    labels = marks.pop("labels")
    embedding = [round(float(value)) for value in got["embeddings"][0]]
    cats = pictures.get(where={"cat": True})["ids"]
    seen[way] = (marks, labels, embedding, cats)
    print(f"{way:<7} {dict(sorted(marks.items()))} {labels} {embedding} cats: {cats}")

both = ({"cat": True, "dog": True}, ["dog"], [0, 1], ["1.png"])
old = ({"cat": True}, ["cat"], [1, 0], ["1.png"])
promised = "ValueError: If an ID already exists" in chromadb.Collection.add.__doc__
if not promised or seen != {"upsert": both, "update": both, "add": old}:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
