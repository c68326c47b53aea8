"""Varied pictures and texts on which an engine shows whether it is true to torch.

They are drawn and not read, so that they cost no bytes of the package and stand for no
collection in particular: photographs (textures of every scale, things that hide each
other), drawings and writing on white paper, ramps, patterns, noise, and pages of one
colour, which are the hardest for numbers of 8 bits.
"""

import numpy as np
from PIL import Image, ImageDraw

PARTS = ("calibration", "trial")

# Of both parts in turn: one letter to sentences, in the scripts that people tag in.
_PHRASES = (
    "a",
    "7",
    "a photo of a cat",
    "a drawing of a dog",
    "two red bicycles and a small dog in front of a house by the sea",
    "an old man reads the newspaper on a bench under a large tree in autumn",
    "ein grünes Fahrrad an der Mauer",
    "zwei Äpfel und eine Schüssel auf dem Küchentisch",
    "un vélo rouge appuyé contre un mur",
    "une tasse de café, un croissant et du beurre",
    "gatos negros durmiendo sobre un sofá",
    "niños jugando al fútbol en la playa",
    "una strada stretta tra le case di pietra",
    "montagne innevate al tramonto",
    "красный автомобиль на пустой дороге",
    "девочка с синим зонтом под дождём",
    "海のそばの白い灯台",
    "桜の木の下で眠る猫",
    "一只熊猫在吃竹子",
    "城市夜景和高楼大厦",
    "눈 덮인 산과 호수",
    "빨간 모자를 쓴 아이",
    "قطة صغيرة على الكرسي",
    "سوق قديم في وسط المدينة",
    "ένα μικρό καράβι στο λιμάνι",
    "λευκά σπίτια πάνω στον λόφο",
    "नदी के किनारे एक नाव",
    "पीले फूलों का खेत",
    "kırmızı bir balon gökyüzünde",
    "một con thuyền trên dòng sông",
    "SALE! 50% OFF, ONLY TODAY",
    "Size XL / 42, item no. 0815-4711",
    "sunset, beach, palm trees, vacation, summer, travel, sea, sky",
    "logo; vector; black and white; minimal; icon; flat design",
    "👍 great picture 😀🎉",
    "🐶🐱🐭",
    "IMG_20240131_184502.jpg",
    "https://example.org/pictures/123?size=large",
    "The quick brown fox jumps over the lazy dog.",
    "Pack my box with five dozen liquor jugs.",
    "a close-up of a circuit board with many small electronic components",
    "satellite view of farmland divided into circles and squares",
    "an x-ray of a human hand",
    "a floor plan of a flat with three rooms",
    "a bowl of soup with noodles, egg and spring onions",
    "a plate of grilled fish with lemon and parsley",
    "the number 42 painted on a blue door",
    "a street sign that says no parking",
    "Donaudampfschifffahrtsgesellschaftskapitän",
    "Llanfairpwllgwyngyll",
    "no people, no text, no watermark",
    "not a cat",
    "a black and white portrait of a woman with short hair, looking to the left",
    "a colourful poster of a jazz festival with a saxophone",
    "1234567890",
    "x = (a + b) * c ** 2",
    "green",
    "music",
    "a photo",
    "clip art",
    "an empty road leads through the desert towards distant blue mountains",
    "a crowd of people with umbrellas crosses a wet street in the evening",
    "wooden toys: train, blocks, horse",
    "tools: hammer, saw, pliers",
)
# How many phrases a text is made of, in turn: ten are more than 77 tokens.
_JOINED = (1, 1, 1, 2, 1, 1, 1, 10)


def varied_texts(n, part="trial"):
    """Write texts of one letter to more than any context, in a dozen scripts.

    Parameters
    ----------
    n : int
        How many, at least 16 to have all lengths and most scripts.
    part : {"calibration", "trial"}, default="trial"
        The two have no phrase in common.

    Returns
    -------
    list of str
        The first ones are the same, whatever `n`.
    """
    phrases = _PHRASES[PARTS.index(part) :: len(PARTS)]
    texts = []
    for i in range(n):
        # Each time around, one phrase more: no text comes twice.
        count = _JOINED[i % len(_JOINED)] + i // len(phrases)
        texts.append(", ".join(phrases[(i + k) % len(phrases)] for k in range(count)))
    return texts


def varied_pictures(n, part="trial", size=(224, 224)):
    """Draw pictures of many kinds, of which each comes in turn.

    Parameters
    ----------
    n : int
        How many, at least 16 to have each kind twice.
    part : {"calibration", "trial"}, default="trial"
        The two have no picture in common but the white and the black page.
    size : tuple of (int, int), default=(224, 224)
        Height and width in pixels.

    Returns
    -------
    ndarray of shape (n, height, width, 3), dtype uint8
        The first ones are the same, whatever `n`.
    """
    pictures = np.empty((n, *size, 3), dtype=np.uint8)
    for i in range(n):
        # numpy promises the numbers of this old generator for all times, and so the
        # same calibration, and the same graph, to whoever upgrades it.
        random = np.random.RandomState([i, PARTS.index(part)])
        draw, turn = _KINDS[i % len(_KINDS)], i // len(_KINDS)
        pictures[i] = np.asarray(draw(random, size[::-1], turn))
    return pictures


def _draw_flat(random, size, turn):
    """One colour: white and black first, as of a scan's empty page."""
    white_black = ((255, 255, 255), (0, 0, 0))
    colour = white_black[turn] if turn < len(white_black) else _colour(random)
    return Image.new("RGB", size, colour)


def _draw_clouds(random, size, turn):
    """Noise whose amplitude falls as its frequency grows, as in photographs."""
    grey = _octaves(random, size, channels=1)
    tint = _octaves(random, size, channels=3)
    return _light(random, Image.blend(grey.convert("RGB"), tint, 0.3))


def _draw_leaves(random, size, turn):
    """Things of all sizes that hide each other: the edges of photographs."""
    page = Image.new("RGB", size, _colour(random))
    draw = ImageDraw.Draw(page)
    for _ in range(300):
        # Sizes r with a density of r^-3, so that the picture looks alike at each scale.
        radius = min(size) / 80 / max(random.random_sample(), 1e-3) ** 0.5
        _shape(random, draw, size, radius, fill=_colour(random))
    texture = _octaves(random, size, channels=3)
    return _light(
        random, Image.blend(page, texture, 0.1 + 0.3 * random.random_sample())
    )


def _draw_clipart(random, size, turn):
    """Draw a few flat shapes with outlines on white."""
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for _ in range(random.randint(1, 9)):
        radius = min(size) * (0.05 + 0.3 * random.random_sample())
        outline = None if random.randint(2) else (0, 0, 0)
        _shape(random, draw, size, radius, fill=_colour(random), outline=outline)
    return page


def _draw_writing(random, size, turn):
    """Lines of small strokes, dark on light or, at times, light on dark."""
    paper, ink = (255, 255, 255), tuple(random.randint(0, 96, 3).tolist())
    if turn % 4 == 3:
        paper, ink = ink, paper
    page = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(page)
    height = random.randint(4, 5 + min(size) // 6)
    for top in range(height // 2, size[1], 2 * height):
        left = height // 2
        while left < size[0]:
            if random.randint(6):  # else a space between words
                x = left + random.randint(0, height // 2 + 1, 4)
                y = top + random.randint(0, height + 1, 4)
                points = list(zip(x.tolist(), y.tolist(), strict=True))
                draw.line(points, fill=ink, width=1 + height // 8)
            left += height // 2 + 2
    return page


def _draw_ramp(random, size, turn):
    """One colour going over into another, in any direction."""
    corners = random.randint(0, 256, (2, 2, 3)).astype(np.uint8)
    return Image.fromarray(corners).resize(size, Image.Resampling.BICUBIC)


def _draw_pattern(random, size, turn):
    """Draw checks, or stripes, from a pixel wide to a quarter of the picture."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    widest = max(1, min(size) // 4)
    width, height = (widest ** random.random_sample(2)).astype(int).tolist()
    if random.randint(3) == 0:
        height = size[1]
    cells = (x // width + y // height) % 2
    colours = np.array([_colour(random), _colour(random)], dtype=np.uint8)
    return Image.fromarray(colours[cells])


def _draw_noise(random, size, turn):
    """Noise of one scale, grey or coloured, of little contrast or much."""
    grain = 2 ** random.randint(0, 6)
    shape = (-(-size[1] // grain), -(-size[0] // grain), 3)
    values = random.randint(0, 256, shape)
    if random.randint(2):
        values = values[..., :1].repeat(3, axis=2)
    grains = Image.fromarray(values.astype(np.uint8))
    return _light(random, grains.resize(size, Image.Resampling.NEAREST))


_KINDS = (
    _draw_leaves,
    _draw_flat,
    _draw_clouds,
    _draw_clipart,
    _draw_pattern,
    _draw_writing,
    _draw_noise,
    _draw_ramp,
)


def _colour(random):
    """Draw a colour, every fourth time a grey one."""
    colour = random.randint(0, 256, 3)
    return tuple((colour if random.randint(4) else colour[[0, 0, 0]]).tolist())


def _octaves(random, size, channels):
    """Sum noise of 2, 4, 8 ... cells, each of which weighs half of the one before."""
    total = np.zeros((size[1], size[0], 3))
    cells, weight = 2, 1.0
    while cells <= max(size):
        noise = random.randint(0, 256, (cells, cells, channels)).astype(np.uint8)
        noise = Image.fromarray(np.broadcast_to(noise, (cells, cells, 3)).copy())
        noise = noise.resize(size, Image.Resampling.BICUBIC)
        total += weight * (np.asarray(noise) - 127.5)
        cells, weight = 2 * cells, weight / 2
    # The weights sum to 2, and the contrast of all is about that of the first.
    return Image.fromarray((127.5 + total).clip(0, 255).astype(np.uint8))


def _light(random, picture):
    """Put a picture into a light of its own: dim, glaring, of little contrast."""
    lowest, highest = sorted(random.randint(0, 256, 2).tolist())
    if random.randint(2):
        lowest, highest = 0, 255
    table = [lowest + (highest - lowest) * value // 255 for value in range(256)]
    return picture.point(3 * table)


def _shape(random, draw, size, radius, **colours):
    """Draw an ellipse, a rectangle or a triangle around a random place."""
    x, y = (random.random_sample(2) * size).tolist()
    # As wide as high, or up to three times as wide or as high.
    wide = radius * 3 ** (random.random_sample() - 0.5)
    high = radius**2 / wide
    box = [x - wide, y - high, x + wide, y + high]
    kind = random.randint(3)
    if kind == 0:
        draw.ellipse(box, **colours)
    elif kind == 1:
        draw.rectangle(box, **colours)
    else:
        corners = [(x, y - high), (x + wide, y + high), (x - wide, y)]
        draw.polygon(corners, **colours)
