"""What the training messages are made of: {slots} are entities, <fillers> any words, the first word its urgency."""

INTENTS = {
    "book_trip": """
normal Please book {n} for the <vehicle> from {from} to {to} on {date}.
normal I would like to travel from {from} to {to} on {date}. Do you still have seats for <people>?
normal We need <people_count> tickets to {to}, leaving {date}.
normal Can I reserve a cabin on the ferry to {to} for {date}?
normal Looking for a flight to {to} around {date}, not more than {amount} per person.
low Do you have package holidays to {to}?
low When will next summer's tickets from {from} to {to} be on sale?
low What is the cheapest way to get from {from} to {to}?
low Are there direct flights to {to} in winter?
high I must get to {to} today. Is there a free seat on the next <vehicle>?
high Need a one way ticket {from} - {to} for {date}, departure is in a few hours, please book it now.
normal My <relative> and I want to go to {to} for the weekend of {date}. Please make a booking.
normal Book me a return, {from} to {to}, out on {date}.
normal A group of <count> from our school wants to visit {to} on {date}. How do we book that?
normal I'd like a package with hotel in {to}, starting {date}, budget {amount}.
normal One adult and one child, {from} to {to}, {date}, with a car please.
""",
    "change_booking": """
normal Please move my booking {booking} to {date}.
normal I booked the wrong day. {booking} should be on {date}.
normal Can I change the name on {booking}? It should be <name>.
normal I'd like to take an earlier <vehicle> on {date}, my booking is {booking}.
normal We want to go to {to} instead, what does it cost to change {booking}?
low How much is the change fee for a Saver ticket?
low Until when can I change the date of a ferry ticket?
low Is it possible in general to change the name on a train ticket?
high My <vehicle> leaves in two hours and I won't make it. Can you put me on the next one? {booking}
high I travel {soon} and have to change {booking} to a later <vehicle>, please do it right away.
normal Please add a <extra> to booking {booking}.
normal My <relative> got ill, can we travel on {date} instead? Code {booking}.
normal There is a spelling mistake in my name on {booking}, please correct it to <name>.
normal Could you switch {booking} from {from} to {to} to the morning departure?
normal I have to postpone my trip to {to}. New date {date}, reference {booking}.
normal Take my <relative> off booking {booking}, the others still travel.
""",
    "cancel_refund": """
normal Please cancel booking {booking} and refund me.
normal I cannot travel to {to} on {date}. I want to cancel {booking}.
normal Where is my refund of {amount} for {booking}?
normal You cancelled my <vehicle> on {date}. I want my money back.
normal I'd like to return my ticket from {from} to {to}, code {booking}. How much do I get?
low Do I get a refund when I cancel a Standard ticket?
low What are the rules for refunds on the night train?
low How many days before departure can a package be cancelled for free?
high My flight is {soon} and I am in hospital. Please cancel {booking} immediately.
high Cancel {booking} right now please, the deadline is in one hour.
normal My refund is too low, I paid {amount} and got only half. Booking {booking}.
normal I cancelled {booking} on {date} but no money has arrived.
normal We have to cancel the holiday in {to}, my <relative> died. Booking {booking}.
normal Cancel the return trip only, booking {booking}, from {from} to {to}.
normal I want a refund in money, not a voucher, for {booking}.
normal Please cancel everything under {booking} and pay back {amount}.
""",
    "baggage_question": """
low How many kilos can I take on a flight to {to}?
low What size may a cabin bag have?
low Can I bring a bicycle on the <vehicle>?
low Is it allowed to take <odd_item> in hand luggage?
low How much does an extra bag cost from {from} to {to}?
low Are there luggage limits on the train?
normal I have booking {booking} and want to add one more suitcase.
normal Is a bag included in my ticket {booking} to {to}?
normal I travel on {date} with <odd_item>. Do I have to register it? Booking {booking}.
normal You charge {amount} for my second bag on {booking}, is that correct?
high I am at the check-in desk and they want {amount} for my bag. Is that right?
high We leave for the airport in ten minutes. Can I carry <odd_item> on board?
normal Can I take my <odd_item> on flight to {to} on {date}?
low Does a Saver fare to {to} include a suitcase?
low Can I send luggage ahead to {to}?
normal My suitcase weighs 27 kg, what do I pay on {date} from {from}? Booking {booking}.
""",
    "baggage_problem": """
normal My suitcase did not arrive in {to}. Booking {booking}.
normal My bag was damaged on the flight from {from} to {to} on {date}.
normal The handle of my suitcase is broken after the flight, I want {amount} for it.
normal I reported my lost bag on {date} and have heard nothing, code {booking}.
normal Something was stolen from my bag on the way to {to}.
normal I left my <lost_item> on the <vehicle> to {to} on {date}.
normal My <odd_item> was smashed when I picked it up. Who pays? {booking}
low What do I have to do if my luggage gets lost?
low How long do you keep lost property?
high My bag with my medicine is missing and I need it tonight! {booking}
high I am standing at the belt in {to} and my suitcase is not here. I fly on in an hour. {booking}
normal You delivered the wrong suitcase to me, mine is still missing. {booking}
normal My luggage came two days late and I had to buy clothes for {amount}.
normal Where is my bag? It was sent from {from} to {to} on {date}.
normal I found my <lost_item> was missing after the trip with booking {booking}, please look for it.
normal Water got into my suitcase on the ferry on {date} and everything is ruined.
""",
    "delay_claim": """
normal My flight {booking} was three hours late. I want compensation.
normal The <vehicle> from {from} to {to} on {date} was late by two hours. How much do I get?
normal I claim {amount} for the delay of my <vehicle> on {date}, booking {booking}.
normal We missed our connection in {to} because your train was late. What do you pay? {booking}
normal I sent the delay form on {date} and got no answer.
normal Our ferry to {to} left 150 minutes late. Where do I claim?
low How late does a <vehicle> have to be before you pay compensation?
low Is there compensation if the weather causes the delay?
low How long do I have to claim for a late flight?
high We are stuck in {from}, the flight is delayed until {date}. Do you pay the hotel tonight?
high Our <vehicle> is already five hours late and we are still waiting here with a baby. Do we get food?
normal You paid only {amount} for my delay, I think it should be more. {booking}
normal The night train came to {to} four hours late on {date}. Compensation please, {booking}.
normal I had to take a taxi for {amount} since the last train was delayed. Please pay it.
normal Because of your delay I lost a day of my holiday in {to}. I ask for compensation, {booking}.
normal Flight LK 630 on {date} landed 4 hours after schedule, please send my compensation.
""",
    "check_in_seat": """
normal I want an aisle seat for booking {booking}.
normal Can my <relative> and I get seats next to each other? {booking}
normal Online check-in does not work for {booking}.
normal I paid {amount} for a seat with legroom on {booking} but got another one.
normal Please change my seat on the flight to {to} on {date}.
low When does check-in open?
low How long before departure do I have to be at the ferry?
low Can I choose a seat on the train for free?
low Where do I find my boarding pass in the app?
high I cannot check in and my flight leaves in one hour! {booking}
high I lost my boarding pass and boarding has started, what do I do?
high Which gate for the flight to {to}? I am running.
normal Have I been checked in for {date}? Booking {booking}.
normal We have no seat numbers on our tickets from {from} to {to}, {booking}.
low Which side of the ferry to {to} has the best seats?
normal My boarding pass for {booking} shows the wrong seat.
""",
    "payment_invoice": """
normal I need an invoice for booking {booking}.
normal You charged my card twice, {amount} each time.
normal My voucher code is not accepted, it is valid until {date}.
normal Please send the invoice for {booking} to my company, <name> Ltd.
normal The receipt for my trip to {to} on {date} is missing.
normal My gift card over {amount} does not work.
low Which cards do you accept?
low Can I pay by instalments?
low Do you take a fee for paying by phone?
low Can a voucher be used together with a gift card?
high The payment fails again and again and the offer ends in 15 minutes, please help now!
high My card was blocked during payment and the <vehicle> leaves today. How can I pay {booking}?
normal I paid {amount} but the booking {booking} still says unpaid.
normal When will the rest of {amount} be taken from my account for {booking}?
normal The VAT number on the invoice of {booking} is wrong, please correct it.
normal There is a charge of {amount} on {date} from you that I do not know.
""",
    "loyalty_points": """
normal The points for my trip to {to} on {date} were not added.
normal Please add the Circle points for {booking}.
normal My points balance is wrong, 500 points are missing.
normal I should be Silver now, why does my account still show Bronze?
normal Can I use my points to pay {amount} of booking {booking}?
low How many points does a flight to {to} give?
low When do Larkspur Circle points expire?
low How do I become a Gold member?
low Can I give my points to my <relative>?
low What is the point of joining Larkspur Circle?
high I am at the desk and want to pay with points but your system says no. Please help me now.
high They do not let me into the lounge with my Silver card, my <vehicle> goes in an hour.
normal I booked {booking} with points and the points were taken twice.
normal Please merge my two Circle accounts.
normal I flew from {from} to {to} on {date}, where are my points?
normal Someone used my points without asking me, please block my Circle account.
""",
    "travel_documents": """
low Do I need a visa for {country}?
low Can I travel to {country} with an identity card?
low How long must my passport be valid for {country}?
low What documents does a child need to travel to {country}?
low Where do I apply for the {country} entry form?
normal We travel to {country} on {date} and my passport expires soon after. Is that ok?
normal My passport number changed, do I have to tell you for {booking}?
normal I applied for the visa for {country} three weeks ago and fly on {date}. What if it does not come?
normal Does my <relative> need a visa? She has another nationality. Booking {booking}.
normal The name in my passport is not the same as on {booking}. Can I travel?
high I lost my passport in {from} and fly home today. What do I do?
high I am at the airport and they say my visa is not valid. Please help!
high We leave {soon} and I just saw that my passport has expired. {booking}
normal Is my residence card enough to get back from {country}? We return on {date}.
normal Do we need a letter of consent for our <relative> on {booking}?
normal Which vaccination papers are asked for at the border of {country}? We go on {date}.
""",
    "special_assistance": """
normal I need a wheelchair at the airport on {date}, booking {booking}.
normal My <relative> is blind and travels alone to {to} on {date}. Can someone help?
normal Please add assistance for my <relative> to {booking}.
normal Can my dog travel with me from {from} to {to}? Booking {booking}.
normal My child of eight travels alone on {date}. How do I book the escort?
normal I am six months pregnant, may I fly to {to} on {date}?
normal I need a meal without nuts on {booking}, I have an allergy.
low Do you take guide dogs on the train?
low Is the ferry to {to} accessible for wheelchairs?
low From which age may children travel alone?
low How much does it cost to take a cat on the <vehicle>?
high I am at the station in a wheelchair and nobody is here to help. My train goes in 15 minutes.
high My <relative> feels very ill on board of your ferry, we need a doctor now.
normal I must take a breathing machine on board, booking {booking}.
normal We travel with a baby and need a cot on the ferry on {date}, {booking}.
normal My <relative> is deaf. Please tell the crew, booking {booking}, {from} to {to}.
""",
    "complaint": """
normal The staff in {from} were very rude to us. I want to complain.
normal Your hotline kept me waiting for an hour and then hung up.
normal The food on the <vehicle> to {to} was cold and tasted awful.
normal The toilets on the train on {date} were dirty and out of order.
normal I am very unhappy with how you handled {booking}. Nobody answers my mails.
normal The hotel in {to} was not what you promised. We paid {amount}.
normal The crew on the flight of {date} ignored us the whole time.
low Just some feedback: the seats on the new trains are uncomfortable.
low Your app is slow, you should improve it.
low The music in your waiting line is terrible, please choose another.
high The air conditioning on our train is broken, people are fainting and nobody does anything.
high A drunk passenger is bothering my <relative> on your ferry and the crew does not react.
normal The driver of your shuttle in {to} was on his phone while driving. That is dangerous.
normal I complain about the cabin on {booking}: it was noisy and smelled of smoke.
normal My <relative> was treated badly by a conductor between {from} and {to}. I expect an apology.
normal I have never seen such bad service as on {date}. This is a formal complaint.
""",
}

OPENINGS = [
    "Hello,",
    "Hi,",
    "Good morning,",
    "Good evening,",
    "Dear Larkspur team,",
    "Hi there!",
    "Dear Sir or Madam,",
    "Hey,",
    "To whom it may concern,",
    "Excuse me,",
]
CLOSINGS = [
    "Thank you.",
    "Thanks!",
    "Many thanks, <name>",
    "Kind regards, <name>",
    "Please reply.",
    "I look forward to your answer.",
    "Best, <name>",
    "Cheers",
]
BACKGROUND = [
    "I have been a customer for years.",
    "We are a family of four.",
    "I booked in your app.",
    "It was a present from my <relative>.",
    "I already asked in the chat.",
    "We travel with you every year.",
    "The weather was fine, by the way.",
    "I am writing from my phone.",
    "My <relative> made the booking.",
]
URGENT = [
    "Please answer right now, I am at the gate.",
    "I need an answer within the hour!",
    "This is an emergency.",
    "We are travelling today, please hurry.",
    "I am standing at your counter.",
]
RELAXED = [
    "There is no hurry.",
    "Just wondering.",
    "No need to answer quickly.",
    "I am only curious.",
]

PLACES = [
    "Aldermoor",
    "Quillhaven",
    "Brennick",
    "Merrow",
    "Merrow Town",
    "Dorvale",
    "Kesh Amar",
    "Vastholm",
    "Port Liria",
    "Port Sallow",
    "Tarn Harbour",
]
COUNTRIES = ["Halvia", "Sundara", "Estmark", "Tavora"]
FILLERS = {
    "vehicle": "flight|ferry|train",
    "people": "two people|a family of five|my wife and me|four adults",
    "people_count": "two|three|five|six",
    "count": "12|20|25|32",
    "relative": "mother|father|son|daughter|wife|husband|sister|brother|grandmother|friend",
    "name": "Anna Berg|J. Petrov|Mia Lund|Tom Okoro|S. Varga|Lena Holt|Ravi Nair|Carla Mendes",
    "extra": "child|second suitcase|bicycle|dog|car",
    "odd_item": "a guitar|skis|a drone|a cello|a pocket knife|a tent|golf clubs|a fishing rod|a pressure cooker",
    "lost_item": "umbrella|glasses|tablet|scarf|wallet|camera|keys|book",
}
