"""Where ImageNet's things are seen, written by hand: what no taxonomy of things says.

Each line names words for what surrounds a thing, and after the colon the things, by
their names in WordNet (those below them count too).
"""

_SCENES = """
sky skies cloud clouds air horizon: alp valley cliff volcano promontory seashore
 lakeside sandbar geyser castle palace church monastery mosque stupa dome obelisk
 triumphal_arch bell_cote beacon water_tower bridge dam pier breakwater barn boathouse
 flagpole parachute balloon airship airliner warplane wing kite bald_eagle crane
 drilling_platform sailing_vessel aircraft_carrier container_ship speedboat hay
 harvester solar_dish radio_telescope totem_pole megalith mountain_tent vulture thatch
 tile_roof
sunset sunrise dusk dawn: seashore lakeside alp volcano sandbar promontory breakwater
 pier sailing_vessel beacon balloon drilling_platform
tree trees forest forests wood woods jungle park branch branches: primate squirrel
 koala three-toed_sloth park_bench birdhouse jay magpie toucan hornbill macaw coucal
 bear leopard jaguar swing valley lakeside monastery palace castle barn mountain_bike
 boathouse great_grey_owl chickadee robin bulbul cougar lynx maze picket_fence
 worm_fence mailbox mobile_home red_wolf timber_wolf wild_boar
grass lawn meadow meadows field fields pasture: ungulate hare wood_rabbit lion cheetah
 cock hen golf_ball golfcart croquet_ball soccer_ball rugby_ball lawn_mower hay
 harvester tractor plow worm_fence barn rapeseed daisy elephant marmot crane ostrich
 peacock mountain_tent ballplayer
plant plants leaf leaves garden gardens: bee butterfly mantis snail slug leafhopper
 grasshopper walking_stick ladybug flowerpot greenhouse daisy yellow_lady's_slipper
 rapeseed corn hummingbird bee_eater tree_frog chameleon american_chameleon
 green_mamba head_cabbage artichoke cardoon hip picket_fence damselfly dragonfly
 vine_snake
flower flowers blossom bloom: daisy yellow_lady's_slipper bee butterfly vase flowerpot
 hummingbird rapeseed greenhouse cardoon hip sulphur_butterfly
water: fish whale aquatic_bird vessel seal otter beaver crocodilian_reptile turtle
 dugong hippopotamus pier dam bridge fountain paddle canoe gondola swimming_trunks
 snorkel scuba_diver jellyfish coral_reef starfish crab lakeside seashore geyser
 maillot paddlewheel breakwater sandbar boathouse sea_slug sea_anemone beacon
 submarine bathtub water_buffalo frog
sea ocean beach coast shore island seaside: seashore sandbar promontory coral_reef
 ship shark ray albatross pelican king_penguin jellyfish starfish crab seal whale
 beacon breakwater pier swimming_trunks bikini snorkel scuba_diver drilling_platform
 sailing_vessel lobster sea_slug sea_anemone sea_cucumber submarine
river lake stream pond: lakeside dam canoe gondola bridge valley otter beaver drake
 goose red-breasted_merganser swan boathouse hippopotamus crocodilian_reptile
 paddlewheel
snow ice winter frost: alp ski snowmobile snowplow dogsled bobsled eskimo_dog samoyed
 siberian_husky malamute arctic_fox ice_bear king_penguin white_wolf ski_mask
 ptarmigan
rock rocks stone stones cliff cliffs canyon: cliff promontory alp volcano valley
 bighorn ibex marmot agama whiptail seashore stone_wall sandbar megalith
 cliff_dwelling crab geyser coral_reef rock_crab
mountain mountains hill hills landscape: alp volcano valley cliff promontory ibex
 bighorn mountain_tent ski lakeside llama
desert sand dune dunes: arabian_camel horned_viper sidewinder sandbar seashore
 gila_monster scorpion thunder_snake
city town street streets urban traffic: streetcar trolleybus cab traffic_light
 street_sign parking_meter minibus school_bus fire_engine ambulance police_van
 garbage_truck moped jinrikisha church palace barbershop bakery cinema bookshop
 shoe_shop butcher_shop grocery_store manhole_cover bicycle-built-for-two
 suspension_bridge mosque dome cab
road roads highway: car truck bus motor_scooter streetcar traffic_light street_sign
 parking_meter motorcycle bicycle-built-for-two school_bus racer snowplow oxcart
 horse_cart tractor
indoor indoors inside interior room rooms floor furniture: furniture home_appliance
 kitchen_utensil electronic_equipment window_shade shoji theater_curtain restaurant
 library lamp washbasin toilet_seat shower_curtain bathtub upright rug quilt pillow
 monitor desktop_computer computer_keyboard notebook mouse printer bannister
 prayer_rug radiator fire_screen stove refrigerator sliding_door barbershop
 grocery_store home_theater desk pool_table studio_couch medicine_chest wall_clock
kitchen cooking meal dinner: kitchen_utensil stove refrigerator microwave dishwasher
 toaster plate dining_table restaurant espresso_maker mixing_bowl food
office work desk: desk desktop_computer notebook computer_keyboard monitor mouse
 printer file binder ballpoint envelope photocopier
night dark darkness evening nighttime: spotlight stage cinema planetarium torch candle
 jack-o'-lantern suspension_bridge traffic_light theater_curtain fountain palace
 bell_cote lampshade table_lamp
person people man woman men women human child children boy girl boys girls crowd face
 faces portrait player players: garment groom ballplayer scuba_diver
 musical_instrument sunglasses wig stage jersey suit military_uniform lab_coat
 unicycle horizontal_bar parallel_bars balance_beam volleyball basketball rugby_ball
 ski snorkel swimming_trunks mortarboard academic_gown lipstick neck_brace crutch
 stretcher jinrikisha bobsled headdress hair_slide lotion necklace band_aid barbershop
 microphone military_uniform drum bow_tie windsor_tie
sport sports game athletics: ballplayer ball racket horizontal_bar parallel_bars
 balance_beam puck ski bobsled scoreboard ping-pong_ball punching_bag barbell dumbbell
 swimming_trunks racer unicycle football_helmet pool_table golfcart jersey
music concert band: musical_instrument stage microphone loudspeaker
"""
# A thing seen there counts half as much as a kind of the word.
SCENE_WEIGHT = 0.5


def scenes():
    """Return the things that are seen with each word.

    Returns
    -------
    dict of str to list of str
        Names of WordNet for words of the scene.
    """
    found = {}
    for line in _SCENES.replace("\n ", " ").strip().split("\n"):
        words, things = line.split(":")
        for word in words.split():
            found.setdefault(word, []).extend(things.split())
    return found
