package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Recall is a story of food with a bad end: a lot of raw spinach is washed, mixed with another and
// packed, its packs go to a shop, a kitchen and a cross-dock, some are sold, and then the laboratory
// finds the raw lot bad. Beside it stand a few things that break a rule of the contract, each once.
//
// What a recall must reach, and what must be found, is written down while the story is told: no
// code that answers recalls or judges findings is asked.
type Recall struct {
	Master  []Master // what is registered first, in this order
	Actions []Action // events; Shipment names the strand that they are of, and those of a strand are sent in this order
	// Lot is the bad one, canonical, and Name a word for a person. Inspection is the event that found it out.
	Lot, Name  string
	Inspection ledger.Digest
	// Finished is a lot made of it, canonical: the one that was sold.
	Finished string
	// Reached is everything that a recall of Lot must name, Lot itself first.
	Reached []Reached
	// Unreached are things that stood near and must not be named.
	Unreached []string
	Findings  []Planted
	// Places are names for people of places and parties, by canonical id.
	Places map[string]string
}

// Master is a master datum that an organisation registers. Operators of a place are organisations
// here: who registers it knows their MSP IDs.
type Master struct {
	Org       string
	Datum     ledger.MasterDatum
	Operators []string
}

// Reached is what a recall must say of one thing.
type Reached struct {
	ID string // canonical; of a transformation the hash of its event
	// Degree is subject, contains or touched.
	Degree string
	// Transformation says that it is one: nobody holds it, and the rest is empty.
	Transformation bool
	Holder         string // an organisation
	Status         string // held, shipped, sold or ended
	Place          string // canonical
}

// Planted is a finding that the contract must raise, and leave open.
type Planted struct {
	Code  ledger.FindingCode
	Item  string // as the finding names it
	Event ledger.Digest
	Story string // what happened, for a person
}

// The degrees and statuses of Reached.
const (
	DegreeSubject  = "subject"
	DegreeContains = "contains"
	DegreeTouched  = "touched"

	StatusHeld    = "held"
	StatusShipped = "shipped"
	StatusSold    = "sold"
	StatusEnded   = "ended"
)

// The trade items of the story, as indicator and item reference.
const (
	rawLeaf      = "000501"
	washedLeaf   = "000502"
	spinachPack  = "000503"
	mixedPack    = "000504"
	otherPack    = "000505"
	kitchenSalad = "000511"
	juicePulp    = "000521"
	juice        = "000522"
)

// site is a place of the story.
type site struct {
	org, prefix, reference, name string
	lat, lon                     int32
	operators                    []string
}

func (s site) urn() string { return sgln(s.prefix, s.reference) }

func (s site) at() *place { return &place{s.urn()} }

func sites() (plant, dock, shop, other site) {
	return site{Producer, producerPrefix, "00021", "packing house, Orléans", 47_902_900, 1_909_300, []string{Carrier}},
		site{Carrier, carrierPrefix, "00021", "cross-dock, Rungis", 48_759_000, 2_352_200, nil},
		site{Retailer, retailerPrefix, "00021", "shop, Lille", 50_629_200, 3_057_300, []string{Carrier}},
		site{Retailer, retailerPrefix, "00022", "shop, Rouen", 49_443_100, 1_099_300, nil}
}

const (
	// dueWithin is how soon goods shipped to Rouen must be received.
	dueWithin = 8 * time.Hour
	// topSpeed between Orléans and Lille, in metres an hour.
	topSpeed = 110_000
	// tellFor is how long the story lasts.
	tellFor = 22 * time.Hour
)

// teller tells a Recall.
type teller struct {
	*Recall
	r     *rand.Rand
	run   ledger.Digest
	tag   string
	begin time.Time
	units int // pallets so far
	err   error

	plant, dock, shop, other site
}

// NewRecall tells the story of a seed; of the configuration Seed and Now count. Other seeds and other
// times give other identifiers, and other seeds other amounts.
func NewRecall(cfg Config) (*Recall, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	run := digest(cfg.Seed, "recall", cfg.Now.Format(time.RFC3339))
	t := &teller{
		Recall: &Recall{Name: "raw spinach", Places: map[string]string{}}, r: source(cfg.Seed, "recall"),
		run: run, tag: run.String()[:tagDigits], begin: cfg.Now.Add(-tellFor),
	}
	t.plant, t.dock, t.shop, t.other = sites()
	t.register()
	t.tell()
	t.incidents()
	if t.err != nil {
		return nil, t.err
	}
	slices.SortStableFunc(t.Actions, func(a, b Action) int { return a.At.Compare(b.At) })
	return t.Recall, nil
}

func (t *teller) canonical(id string) string {
	parsed, err := epcis.ParseIdentifier(id)
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("simulate: %w", err)
	}
	return parsed.Canonical
}

// register tells whose the prefixes are, where the places lie and what the lanes allow.
func (t *teller) register() {
	add := func(org string, m ledger.MasterDatum, operators ...string) {
		t.Master = append(t.Master, Master{Org: org, Datum: m, Operators: operators})
	}
	for _, p := range []struct{ org, prefix string }{{Producer, producerPrefix}, {Carrier, carrierPrefix}, {Retailer, retailerPrefix}} {
		add(p.org, ledger.MasterDatum{Prefix: &ledger.Prefix{Prefix: p.prefix}})
		t.Places[t.canonical(pgln(p.prefix))] = p.org
	}
	for _, s := range []site{t.plant, t.dock, t.shop, t.other} {
		id := t.canonical(s.urn())
		t.Places[id] = s.name
		add(s.org, ledger.MasterDatum{Place: &ledger.Place{ID: id, Name: s.name, Position: &ledger.LatLon{Lat: s.lat, Lon: s.lon}}}, s.operators...)
	}
	for _, p := range []struct {
		item, name string
		balance    bool
	}{
		{rawLeaf, t.Name, false},
		{washedLeaf, "washed spinach", false},
		{spinachPack, "spinach, 250 g", false},
		{mixedPack, "spinach of two fields, 250 g", false},
		{otherPack, "young spinach, 250 g", false},
		{juicePulp, "pulp for juice", true},
		{juice, "juice", true},
	} {
		add(Producer, ledger.MasterDatum{Product: &ledger.Product{ID: product{item: p.item}.class(), Name: p.name, Balance: p.balance}})
	}
	from := t.canonical(t.plant.urn())
	add(Producer, ledger.MasterDatum{Lane: &ledger.Lane{From: from, To: t.canonical(t.shop.urn()), Name: "Orléans - Lille", MaxSpeed: topSpeed}})
	add(Producer, ledger.MasterDatum{Lane: &ledger.Lane{From: from, To: t.canonical(t.other.urn()), Name: "Orléans - Rouen", Window: ledger.Millis(dueWithin / time.Millisecond)}})
}

// hours after the story's beginning, give or take some minutes.
func (t *teller) hours(h float64) time.Time {
	return t.begin.Add(time.Duration(h * float64(time.Hour))).Add(duration(t.r, 0, 6*time.Minute))
}

// send adds an event and gives its hash.
func (t *teller) send(strand, org string, at time.Time, e event) ledger.Digest {
	e.EventID = uuid(t.r, t.run)
	entry, err := e.entry(at)
	if err != nil {
		t.err = err
		return ledger.Digest{}
	}
	parsed, err := epcis.ParseEvent(entry.Context, entry.Body)
	if err != nil {
		t.err = fmt.Errorf("simulate: %w", err)
		return ledger.Digest{}
	}
	t.Actions = append(t.Actions, Action{At: at, Org: org, Kind: KindEvent, Shipment: strand, Event: entry})
	return ledger.Digest(parsed.Hash())
}

func (t *teller) lot(item, letter string) string {
	return fmt.Sprintf("urn:epc:class:lgtin:%s.%s.%s%s", producerPrefix, item, letter, t.tag)
}

// serials makes n instances of a trade item.
func (t *teller) serials(prefix, item string, first, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("urn:epc:id:sgtin:%s.%s.%s-%03d", prefix, item, t.tag, first+i)
	}
	return out
}

func (t *teller) pallet() string {
	t.units++
	return sscc(t.run, t.units)
}

func (t *teller) count(least, most int) int { return least + t.r.IntN(most-least+1) }

// reaches notes what a recall must say of things.
func (t *teller) reaches(degree, holder, status string, where site, ids ...string) {
	for _, id := range ids {
		t.Reached = append(t.Reached, Reached{ID: t.canonical(id), Degree: degree, Holder: holder, Status: status, Place: t.canonical(where.urn())})
	}
}

func (t *teller) spares(ids ...string) {
	for _, id := range ids {
		t.Unreached = append(t.Unreached, t.canonical(id))
	}
}

// transform notes a transformation; reached says that a recall must name it.
func (t *teller) transform(strand, org string, at time.Time, e event, reached bool) ledger.Digest {
	e.Type, e.BizStep = "TransformationEvent", "commissioning"
	hash := t.send(strand, org, at, e)
	if id := epcis.Hash(hash).String(); reached {
		t.Reached = append(t.Reached, Reached{ID: id, Degree: DegreeContains, Transformation: true})
	} else {
		t.Unreached = append(t.Unreached, id)
	}
	return hash
}

func mass(class string, kilograms float64) []quantity { return []quantity{{class, kilograms, "KGM"}} }

func packs(class string, n int) quantity { return quantity{Class: class, Amount: float64(n)} }

// load is a pallet with what is on it.
type load struct {
	pallet string
	packs  []string
}

func (t *teller) load(lists ...[]string) load { return load{t.pallet(), slices.Concat(lists...)} }

// pack puts a load on its pallet.
func (t *teller) pack(l load, at time.Time) {
	here := t.plant.at()
	t.send(l.pallet, Producer, at, event{Type: "ObjectEvent", EPCs: []string{l.pallet}, Action: "ADD", BizStep: "commissioning", Disposition: "active", ReadPoint: here, BizLocation: here})
	t.send(l.pallet, Producer, at.Add(3*time.Minute), event{
		Type: "AggregationEvent", ParentID: l.pallet, ChildEPCs: l.packs, Action: "ADD", BizStep: "packing", Disposition: "in_progress", ReadPoint: here, BizLocation: here,
	})
}

// ship sends a pallet off.
func (t *teller) ship(l load, at time.Time, prefix string, to site) ledger.Digest {
	off := event{
		Type: "ObjectEvent", EPCs: []string{l.pallet}, Action: "OBSERVE", BizStep: "shipping", Disposition: "in_transit", ReadPoint: t.plant.at(), Documents: t.order(l),
		Sources: []origin{{"possessing_party", pgln(producerPrefix)}, {"location", t.plant.urn()}}, Destination: []target{{"possessing_party", pgln(prefix)}, {"location", to.urn()}},
	}
	hash := t.send(l.pallet, Producer, at, off)
	off.BizStep = "departing"
	t.send(l.pallet, Carrier, at.Add(15*time.Minute), off)
	return hash
}

func (t *teller) order(l load) []document {
	return []document{{"desadv", fmt.Sprintf("urn:epcglobal:cbv:bt:%s000003:R-%s-%s", producerPrefix, t.tag, l.pallet[len(l.pallet)-4:])}}
}

// receive takes a pallet in.
func (t *teller) receive(l load, org string, at time.Time, where site) {
	t.send(l.pallet, org, at, event{
		Type: "ObjectEvent", EPCs: []string{l.pallet}, Action: "OBSERVE", BizStep: "receiving", Disposition: "in_progress", ReadPoint: where.at(), BizLocation: where.at(), Documents: t.order(l),
	})
}

// unpack takes all from a pallet.
func (t *teller) unpack(l load, org string, at time.Time, where site) {
	t.send(l.pallet, org, at, event{
		Type: "AggregationEvent", ParentID: l.pallet, ChildEPCs: l.packs, Action: "DELETE", BizStep: "unpacking", Disposition: "in_progress", ReadPoint: where.at(), BizLocation: where.at(),
	})
}

func (t *teller) sell(strand string, at time.Time, items []string) {
	t.send(strand, Retailer, at, event{
		Type: "ObjectEvent", EPCs: items, Action: "OBSERVE", BizStep: "retail_selling", Disposition: "retail_sold", ReadPoint: t.shop.at(), BizLocation: t.shop.at(),
	})
}

// born commissions the packs of a lot.
func (t *teller) born(strand, letter string, at time.Time, items []string) {
	here := t.plant.at()
	t.send(strand, Producer, at, event{
		Type: "ObjectEvent", EPCs: items, Action: "ADD", BizStep: "commissioning", Disposition: "active", ReadPoint: here, BizLocation: here,
		ILMD: &ilmd{letter + t.tag, t.begin.AddDate(0, 0, 9).Format(time.DateOnly)},
	})
}

// tell tells the story of the bad lot.
func (t *teller) tell() {
	here := t.plant.at()
	bad, good := t.lot(rawLeaf, "B"), t.lot(rawLeaf, "G")
	washed, clean := t.lot(washedLeaf, "WB"), t.lot(washedLeaf, "WG")
	pure, mixed, other := t.lot(spinachPack, "S"), t.lot(mixedPack, "M"), t.lot(otherPack, "O")
	strand := t.canonical(bad)
	t.Lot, t.Finished = strand, t.canonical(pure)

	// Of the pure lot some go to Lille and some to Rouen; of the mixed one some to Rungis, beside clean packs, and
	// some stay; of the clean one the rest goes to Lille.
	toLille, toRouen := t.count(24, 36), t.count(12, 20)
	toRungis, stay := t.count(12, 20), t.count(16, 24)
	beside, cleanToLille := t.count(8, 14), t.count(16, 24)
	ofPure := t.serials(producerPrefix, spinachPack, 0, toLille+toRouen)
	ofMixed := t.serials(producerPrefix, mixedPack, 0, toRungis+stay)
	ofClean := t.serials(producerPrefix, otherPack, 0, beside+cleanToLille)

	for i, lot := range []string{bad, good} {
		t.send(strand, Producer, t.hours(0.2+0.2*float64(i)), event{
			Type: "ObjectEvent", Quantities: mass(lot, 400), Action: "ADD", BizStep: "creating_class_instance", Disposition: "active", ReadPoint: here, BizLocation: here,
		})
	}
	t.reaches(DegreeSubject, Producer, StatusEnded, t.plant, bad)
	t.transform(strand, Producer, t.hours(1), event{InputQuantities: mass(bad, 400), OutputQuantities: mass(washed, 380), ReadPoint: here, BizLocation: here}, true)
	t.transform(strand, Producer, t.hours(1.2), event{InputQuantities: mass(good, 400), OutputQuantities: mass(clean, 380), ReadPoint: here, BizLocation: here}, false)
	t.reaches(DegreeContains, Producer, StatusEnded, t.plant, washed)
	t.transform(strand, Producer, t.hours(2), event{
		InputQuantities: mass(washed, 260), OutputQuantities: []quantity{packs(pure, len(ofPure))}, ReadPoint: here, BizLocation: here,
	}, true)
	t.transform(strand, Producer, t.hours(2.2), event{
		InputQuantities: slices.Concat(mass(washed, 120), mass(clean, 100)), OutputQuantities: []quantity{packs(mixed, len(ofMixed))}, ReadPoint: here, BizLocation: here,
	}, true)
	t.transform(strand, Producer, t.hours(2.4), event{
		InputQuantities: mass(clean, 280), OutputQuantities: []quantity{packs(other, len(ofClean))}, ReadPoint: here, BizLocation: here,
	}, false)
	t.reaches(DegreeContains, Producer, StatusHeld, t.plant, pure, mixed)
	t.spares(good, clean, other)
	t.born(strand, "S", t.hours(2.6), ofPure)
	t.born(strand, "M", t.hours(2.7), ofMixed)
	t.born(strand, "O", t.hours(2.8), ofClean)

	lille, rouen := t.load(ofPure[:toLille]), t.load(ofPure[toLille:])
	rungis, warehouse := t.load(ofMixed[:toRungis], ofClean[:beside]), t.load(ofMixed[toRungis:])
	cleanLille := t.load(ofClean[beside:])
	t.lille(lille, cleanLille)

	// Shipped, due, and never received.
	t.pack(rouen, t.hours(3.2))
	shipped := t.ship(rouen, t.hours(4), retailerPrefix, t.other)
	t.reaches(DegreeContains, Producer, StatusShipped, t.plant, append([]string{rouen.pallet}, rouen.packs...)...)
	t.finds(ledger.FindingNotReceived, t.canonical(rouen.pallet), shipped, "a pallet was shipped to Rouen and never received")

	t.pack(rungis, t.hours(3.2))
	t.ship(rungis, t.hours(4), carrierPrefix, t.dock)
	t.receive(rungis, Carrier, t.hours(7), t.dock)
	t.reaches(DegreeContains, Carrier, StatusHeld, t.dock, append([]string{rungis.pallet}, ofMixed[:toRungis]...)...)
	t.reaches(DegreeTouched, Carrier, StatusHeld, t.dock, ofClean[:beside]...)

	t.pack(warehouse, t.hours(3.4))
	t.reaches(DegreeContains, Producer, StatusHeld, t.plant, append([]string{warehouse.pallet}, warehouse.packs...)...)

	t.Inspection = t.send(strand, Producer, t.hours(20), event{
		Type: "ObjectEvent", Quantities: mass(bad, 0.5), Action: "OBSERVE", BizStep: "inspecting", Disposition: "non_conformant", ReadPoint: here, BizLocation: here,
	})
}

// lille tells of the shop: what came there, what its kitchen made of it, and what was sold.
func (t *teller) lille(l, clean load) {
	for i, one := range []load{l, clean} {
		after := float64(i) / 10
		t.pack(one, t.hours(3+after))
		t.ship(one, t.hours(4+after), retailerPrefix, t.shop)
		t.receive(one, Retailer, t.hours(10+after), t.shop)
		t.unpack(one, Retailer, t.hours(10.5+after), t.shop)
	}
	fewer := t.count(3, 5)
	sold, cooked, burnt, rest := l.packs[:len(l.packs)/2], l.packs[len(l.packs)/2:][:fewer], l.packs[len(l.packs)/2+fewer], l.packs[len(l.packs)/2+fewer+1:]
	salads := t.serials(retailerPrefix, kitchenSalad, 0, t.count(6, 9))
	t.transform(l.pallet, Retailer, t.hours(12), event{
		InputEPCs: slices.Concat(cooked, clean.packs[:2]), OutputEPCs: salads, ReadPoint: t.shop.at(), BizLocation: t.shop.at(),
		ILMD: &ilmd{"K" + t.tag, t.begin.AddDate(0, 0, 3).Format(time.DateOnly)},
	}, true)
	t.sell(l.pallet, t.hours(14), slices.Concat(sold, salads[:4]))
	t.send(l.pallet, Retailer, t.hours(15), event{
		Type: "ObjectEvent", EPCs: []string{burnt}, Action: "DELETE", BizStep: "destroying", Disposition: "destroyed", ReadPoint: t.shop.at(), BizLocation: t.shop.at(),
	})
	t.sell(clean.pallet, t.hours(14), clean.packs[2:6])
	t.reaches(DegreeTouched, Retailer, StatusHeld, t.shop, l.pallet)
	t.reaches(DegreeContains, Retailer, StatusSold, t.shop, slices.Concat(sold, salads[:4])...)
	t.reaches(DegreeContains, Retailer, StatusEnded, t.shop, append(slices.Clone(cooked), burnt)...)
	t.reaches(DegreeContains, Retailer, StatusHeld, t.shop, slices.Concat(rest, salads[4:])...)
	t.spares(append([]string{clean.pallet, fmt.Sprintf("urn:epc:class:lgtin:%s.%s.K%s", retailerPrefix, kitchenSalad, t.tag)}, clean.packs...)...)
}

func (t *teller) finds(code ledger.FindingCode, item string, event ledger.Digest, story string) {
	t.Findings = append(t.Findings, Planted{Code: code, Item: item, Event: event, Story: story})
}

// incidents plants what breaks a rule, each with packs of its own.
func (t *teller) incidents() {
	here := t.plant.at()
	const first = 900 // no other serial of the story is as high
	packs := t.serials(producerPrefix, otherPack, first, 4)
	t.spares(packs...)
	for _, p := range packs {
		t.born(p, "O", t.hours(5), []string{p})
	}
	seen := func(strand, org, step string, at time.Time, where site) ledger.Digest {
		return t.send(strand, org, at, event{Type: "ObjectEvent", EPCs: []string{strand}, Action: "OBSERVE", BizStep: step, ReadPoint: where.at()})
	}

	seen(packs[0], Producer, "storing", t.hours(6), t.plant)
	t.finds(ledger.FindingImpossibleJourney, t.canonical(packs[0]), seen(packs[0], Retailer, "stocking", t.hours(6.7), t.shop),
		"a pack stood in Lille less than an hour after it was stored in Orléans")

	var packed ledger.Digest
	for i, pallet := range []string{t.pallet(), t.pallet()} {
		packed = t.send(packs[1], Producer, t.hours(6+float64(i)), event{
			Type: "AggregationEvent", ParentID: pallet, ChildEPCs: packs[1:2], Action: "ADD", BizStep: "packing", ReadPoint: here, BizLocation: here,
		})
		t.spares(pallet)
	}
	t.finds(ledger.FindingPackedTwice, t.canonical(packs[1]), packed, "a pack was packed on two pallets")

	t.finds(ledger.FindingReceivedWithoutShipping, t.canonical(packs[2]), seen(packs[2], Retailer, "receiving", t.hours(16), t.shop),
		"a pack was received that nobody had shipped")

	t.finds(ledger.FindingUnregisteredOrganisation, t.canonical(t.other.urn()), seen(packs[3], Carrier, "storing", t.hours(17), t.other),
		"the carrier recorded an event at a shop that does not name it")

	pulp, pressed := t.lot(juicePulp, "P"), t.lot(juice, "J")
	t.spares(pulp, pressed)
	t.send(pulp, Producer, t.hours(7), event{
		Type: "ObjectEvent", Quantities: mass(pulp, 100), Action: "ADD", BizStep: "creating_class_instance", ReadPoint: here, BizLocation: here,
	})
	t.finds(ledger.FindingQuantityImbalance, "", t.transform(pulp, Producer, t.hours(8), event{
		InputQuantities: mass(pulp, 100), OutputQuantities: mass(pressed, 130), ReadPoint: here, BizLocation: here,
	}, false), "of 100 kg of pulp came 130 kg of juice")
}
