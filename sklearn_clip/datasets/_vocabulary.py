"""The hand-written part of the Open Clip Art labels: synonyms, parents, meta words."""

# Words that say how, by whom or for what a file was made, not what it shows.
_META = """
action activities activity advertising appicon application applications arab
architetto_francesco_rollandin back background black blue bordered cartoon clipart
color colour creation cute day desktop device diagrams entertainment equipment
examples fast festive file flat geometry gradient gradients green hash icon icons
illustration image magick map_symbol map_symbols mapsym menu mime-types mimetypes
miscellany model networksym old openclipart organizations ornamental photo
photograph picture place places red shape shapes show signs_and_symbols silhouette
simple special states stock subnational symbol symbols theme united_nations_member
unsorted vector view webpage white work
"""
META = frozenset(_META.split())

# label -> the keywords and folder names that mean it.
SYNONYMS = {
    "africa": "african afrika",
    "america": """central_america latin_america latinamerica north_america northamerica
        south_america caribbean""",
    "animal": "animals animale animali creature pet wildlife amphibian frog frogs",
    "arrow": "arrows arrowshape",
    "asia": "china japan",
    "australia": "australian queensland tasmania victoria",
    "bird": """birds penguin penguins eagle duck owl rooster hen chicken gull parrot
        swan turkey_bird""",
    "boat": "boating boats sailing ship ships",
    "body part": """bodypart hand foot feet eye eyes ear ears mouth noze nose lips teeth
        finger pupil eyebrow brain anatomy""",
    "book": "books",
    "bread": "breads_and_carbs carbohydrate croissant toast bread",
    "building": """buildings architecture tower lighthouse church factory castle
        eiffeltower eiffel landmark library capitol""",
    "button": "buttons",
    "cat": "cats housecats kitten big_cats feline felini felino tiger lion",
    "christmas": "xmas",
    "clock": "clocks watch time",
    "clothing": "clothes pantyhose shoe shoes sandals footwear sneaker tie fashion",
    "computer": """hardware pc laptop keyboard monitor workstation imac joystick printer
        server cpu""",
    "container": "containers box barrel bottle bin",
    "decoration": "decorations flourish tribal knotwork celtic wreath",
    "dessert": """desserts deserts icecream candy pie cake muffin pudding cookie sucker
        lollipop chocolate""",
    "dinosaur": "dinosaurs",
    "dog": "dogs beagle labrador retriever bulldog puppy",
    "drink": "beverage beverages drinks alcohol wine juice coffee tea milk beer",
    "education": "school education_mascot study",
    "electronics": """electronic battery bulb lightbulb television camera resistor
        capacitor diode transistor radio""",
    "europe": """france spain germany italy united_kingdom denmark finland norway
        belgium basque andalusia catalunya poland ukraine""",
    "fish": "fishes shark pesce",
    "flag": "flags international_flag signalflag",
    "flower": "flowers daffodil magnolia tulip rose",
    "food": "meal eat dairy cheese pizza breakfast",
    "fruit": """fruits apple_fruit orange_fruit pear cherry lemon lime strawberry grapes
        banana watermelon pineapple berry""",
    "furniture": "table chair desk shelf lamp",
    "game": "games chess billiard",
    "hat": "hats cap sombrero fedora",
    "holiday": """holidays easter thanksgiving valentines valentine halloween usholiday
        religholiday""",
    "horse": "horses",
    "house": "houses home homes maison",
    "insect": """insects bugs beatle beetle ladybug butterfly bee wasp fly dragonfly
        damselfly mosquito papillon farfalla spider""",
    "mammal": """mammals bear bears pig deer monkey rabbit squirrel cow wolf dolphin
        orca cetacean elephant camel sheep goat raccoon bull bunny chimp bat whale""",
    "map": "maps coastline geography ukraine_map",
    "meat": "meats_and_eggs protein egg bacon sausage hamburger burger",
    "music": """musicstuff instrument trumpet drum guitar violin cello harp sax piano
        musician jazz orchestra musicsym""",
    "network": "internet router hub switch web wireless",
    "oceania": "polynesia micronesia melanesia new_zealand",
    "office": "pen pencil paper envelope stapler scissors notebook clipboard",
    "party": "balloon balloons fireworks birthday",
    "person": """people man woman boy girl baby child children lady human stickmen
        stickman fireman gramma grampa bride groom king manager runner angel clown""",
    "plant": "plants leaf fern mushroom houseplant reed bamboo garden",
    "religion": "christianity saint jesus yin-yang",
    "reptile": "lizard snake turtle",
    "roadsign": "roadsigns traffic traffic_sign road",
    "science": "chemical atom medicine",
    "sign": """warning caution security roadtravel hazard stop pedestrian
        no_smoking""",
    "smiley": "smilies smile",
    "space": """astronomy moon planet earth globe sun star stars eclipse lunar comet
        space_astronomy universe""",
    "sport": """sports baseball soccer golf football tennis basketball ball billiards
        surfboard yoga gymnastic""",
    "telephone": "phone handphone cellphone cellular mobile smartphone telephony",
    "tool": "tools hammer axe saw wrench screwdriver",
    "toy": "toys doll jigsaw",
    "transport": "transportation airtravel plane bicycle bike train",
    "tree": "trees evergreen eucalyptus palmtree palm_tree maple",
    "united states": "united_states unitedstates",
    "vegetable": """vegetables vegitable onion carrot corn potato pepper garlic tomato
        pumpkin chili""",
    "vehicle": """vehicles car cars truck bus automobile hummer tank ambulance
        motorcycle taxi shelby""",
    "weapon": "weapons gun sword knife bomb axe_weapon bullet",
    "weather": "cloud clouds lightning rain snow rainbow storm",
    "woman": "girl lady bride gramma",
}

# label -> the broader labels that hold for everything it names.
PARENTS = {
    "australia": ("oceania",),
    "bird": ("animal",),
    "boat": ("transport",),
    "bread": ("food",),
    "cat": ("mammal",),
    "christmas": ("holiday",),
    "dessert": ("food",),
    "dinosaur": ("reptile",),
    "dog": ("mammal",),
    "drink": ("food",),
    "fish": ("animal",),
    "flower": ("plant",),
    "fruit": ("food",),
    "hat": ("clothing",),
    "horse": ("mammal",),
    "house": ("building",),
    "insect": ("animal",),
    "mammal": ("animal",),
    "meat": ("food",),
    "reptile": ("animal",),
    "roadsign": ("sign",),
    "tree": ("plant",),
    "united states": ("america",),
    "vegetable": ("food",),
    "vehicle": ("transport",),
    "woman": ("person",),
}

# (label, contrary): the label is dropped where the contrary holds, because the
# library files the second under a folder or keyword of the first without meaning it.
EXCLUDES = (
    ("person", "smiley"),
    ("sign", "flag"),
    ("building", "furniture"),
    ("tool", "weapon"),
    ("space", "flag"),
    ("map", "space"),
    ("house", "furniture"),
)

# Folders whose own name says nothing about a file in one of their subfolders.
BROAD_FOLDERS = frozenset(
    {
        "buildings",
        "computer",
        "electronics",
        "office",
        "people",
        "recreation",
        "tools",
    }
)

# Labels that name a way of filing, not a thing seen or named.
NOT_LABELS = frozenset({"education", "recreation"})
