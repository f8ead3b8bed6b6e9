package feature

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

const (
	pallet  = "urn:epc:id:sscc:9520001.3000000001"
	logger  = "urn:epc:id:giai:9520002.A"
	logger2 = "urn:epc:id:giai:9520002.B"
	serial  = "urn:epc:id:sgtin:9520001.000101.1"
	other   = "urn:epc:id:sgtin:9520001.000201.1"
	shop    = "urn:epc:id:sgln:9520003.00001.0"
)

func canonical(t testing.TB, s string) string {
	t.Helper()
	c, err := epcis.CanonicalEPC(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at is a time of the test's day, given as minutes.
func at(minutes int) string {
	return fmt.Sprintf("2026-03-01T%02d:%02d:00.000Z", minutes/60, minutes%60)
}

func millis(t testing.TB, minutes int) ledger.Millis {
	t.Helper()
	var h, m int
	if _, err := fmt.Sscanf(at(minutes), "2026-03-01T%d:%d", &h, &m); err != nil {
		t.Fatal(err)
	}
	return 1_772_323_200_000 + ledger.Millis(h*60+m)*60_000
}

func event(t testing.TB, minutes int, fields string) wire.Transaction {
	t.Helper()
	body := fmt.Sprintf(`{"eventTime":%q,"eventTimeZoneOffset":"+00:00",%s}`, at(minutes), fields)
	e, err := epcis.ParseEvent(nil, []byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return wire.Transaction{Events: []wire.RecordedEvent{{Hash: ledger.Digest(e.Hash()), Body: []byte(body)}}}
}

func associate(t testing.TB, minutes int, action, device string) wire.Transaction {
	t.Helper()
	return event(t, minutes, fmt.Sprintf(`"type":"AssociationEvent","parentID":%q,"childEPCs":[%q],"action":%q,"bizStep":"installing"`, pallet, device, action))
}

func pack(t testing.TB, minutes int, action, parent string, children ...string) wire.Transaction {
	t.Helper()
	return event(t, minutes, fmt.Sprintf(`"type":"AggregationEvent","parentID":%q,"childEPCs":["%s"],"action":%q,"bizStep":"packing"`, parent, strings.Join(children, `","`), action))
}

func ship(t testing.TB, minutes int) wire.Transaction {
	t.Helper()
	return event(t, minutes, fmt.Sprintf(`"type":"ObjectEvent","epcList":[%q],"action":"OBSERVE","bizStep":"shipping","destinationList":[{"type":"location","destination":%q}]`, pallet, shop))
}

func receive(t testing.TB, minutes int, step, place string) wire.Transaction {
	t.Helper()
	return event(t, minutes, fmt.Sprintf(`"type":"ObjectEvent","epcList":[%q],"action":"OBSERVE","bizStep":%q,"bizLocation":{"id":%q}`, pallet, step, place))
}

func segment(t testing.TB, device string, seq uint64, from, to int) wire.Transaction {
	t.Helper()
	s := ledger.Segment{Device: canonical(t, device), Seq: seq, Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
	for m := from; m < to; m++ {
		s.Times = append(s.Times, millis(t, m))
		s.Channels[0].Values = append(s.Channels[0].Values, int32(5000+m))
	}
	return wire.Transaction{Segments: []wire.RecordedSegment{{Segment: s, Digest: ledger.Digest{byte(seq), 1}}}}
}

func policy(id string, high int32, products ...string) wire.Transaction {
	return wire.Transaction{Policies: []ledger.Policy{{ID: id, Version: 1, Low: 2_000, High: high, ExcursionLow: 0, ExcursionHigh: 15_000, Products: products}}}
}

const (
	insulin = "https://id.gs1.org/01/09520001001017"
	tablets = "https://id.gs1.org/01/09520001002014"
)

// script plays transactions, one a block, and gives the steps as text, without what was done with
// the containers, which every event tells.
func script(t testing.TB, tr *Tracker, txs ...wire.Transaction) []string {
	t.Helper()
	return slices.DeleteFunc(told(t, tr, txs...), func(s string) bool { return strings.HasPrefix(s, "step ") })
}

func told(t testing.TB, tr *Tracker, txs ...wire.Transaction) []string {
	t.Helper()
	var out []string
	for _, tx := range txs {
		tr.block++ // as if each were in the next block; retiring is tested by itself
		for _, s := range tr.Apply(tr.block, tx) {
			out = append(out, describe(t, s))
		}
	}
	return out
}

func describe(t testing.TB, s Step) string {
	t.Helper()
	name := strings.TrimPrefix(s.Shipment, "https://id.gs1.org/00/")
	if s.Shipment == canonical(t, pallet) {
		name = "P"
	}
	device := s.Input.Device
	if i := strings.LastIndexByte(device, '/'); i >= 0 {
		device = strings.TrimPrefix(device[i+1:], "9520002")
	}
	switch s.Kind {
	case StepOpen:
		return "open " + name
	case StepRetire:
		return "retire " + name
	case StepJudge:
		if s.Final {
			return "final " + name
		}
		return "judge " + name
	case StepInput:
	}
	switch in := s.Input; in.Kind {
	case KindPolicy:
		return fmt.Sprintf("policy %s %v", in.Policy.ID, in.Default)
	case KindBind:
		return "bind " + device
	case KindUnbind:
		return "unbind " + device
	case KindShipped:
		return fmt.Sprintf("shipped %v", in.Places)
	case KindReceived:
		return fmt.Sprintf("received %v", in.Places)
	case KindReadings:
		return fmt.Sprintf("readings %s %d+%d", device, (in.Times[0]-millis(t, 0))/60_000, len(in.Times))
	case KindFinding:
		return "finding " + string(in.Finding.Code)
	case KindEnded:
		return "ended"
	case KindStep:
		return fmt.Sprintf("step %s %d %v", in.Step, (in.At-millis(t, 0))/60_000, in.Places)
	case KindWithdrawn:
		return "withdrawn"
	case KindClosed:
		return "closed " + string(in.Finding.Code)
	case KindReopened:
		return "reopened"
	}
	return "?"
}

func wants(t *testing.T, got []string, want string) {
	t.Helper()
	if joined := strings.Join(got, "; "); joined != want {
		t.Errorf("\n got %s\nwant %s", joined, want)
	}
}

func TestAJourneyFromPackingToReceipt(t *testing.T) {
	gln := PlaceKey(shop)
	wants(t, script(t, NewTracker(DefaultLimits()),
		policy("cold", 8_000, insulin),
		pack(t, 0, "ADD", pallet, serial),
		associate(t, 10, "ADD", logger),
		ship(t, 20),
		segment(t, logger, 0, 5, 40),
		segment(t, logger, 1, 40, 70),
		receive(t, 60, "receiving", shop),
		associate(t, 65, "DELETE", logger),
		pack(t, 70, "DELETE", pallet, serial),
		segment(t, logger, 2, 70, 80),
	), "open P; policy cold false; bind A; shipped ["+gln+"]; readings A 10+30; judge P; readings A 40+30; judge P; received ["+gln+"]; ended; final P")
}

func TestReadingsThatCameBeforeTheirBindingAreNotLost(t *testing.T) {
	wants(t, script(t, NewTracker(DefaultLimits()),
		segment(t, logger, 0, 0, 30), segment(t, logger, 1, 30, 60), associate(t, 20, "ADD", logger),
	), "open P; bind A; readings A 20+10; judge P; readings A 30+30; judge P")
}

func TestARemovalThatWasRecordedFirstBoundsTheBinding(t *testing.T) {
	wants(t, script(t, NewTracker(DefaultLimits()),
		associate(t, 0, "ADD", logger2), associate(t, 40, "DELETE", logger), associate(t, 10, "ADD", logger), segment(t, logger, 0, 0, 60),
	), "open P; bind B; unbind A; bind A; readings A 10+30; judge P")
}

func TestLateDataOfAnEndedJourneyAreJudgedAgain(t *testing.T) {
	wants(t, script(t, NewTracker(DefaultLimits()),
		associate(t, 0, "ADD", logger), ship(t, 10), receive(t, 60, "receiving", shop), segment(t, logger, 0, 30, 90),
	), "open P; bind A; shipped ["+PlaceKey(shop)+"]; received ["+PlaceKey(shop)+"]; ended; final P; readings A 30+30; final P")
}

func TestTakingOverOnTheWayIsNotArriving(t *testing.T) {
	wants(t, script(t, NewTracker(DefaultLimits()),
		associate(t, 0, "ADD", logger), ship(t, 10),
		receive(t, 30, "accepting", "urn:epc:id:sgln:9520002.00005.0"),
		receive(t, 60, "accepting", "urn:epc:id:sgln:9520003.00001.ramp7"),
	), "open P; bind A; shipped ["+PlaceKey(shop)+"]; received ["+PlaceKey(shop)+"]; ended; final P")
}

func TestExchangingLoggersOnTheWayDoesNotEndTheJourney(t *testing.T) {
	wants(t, script(t, NewTracker(DefaultLimits()),
		associate(t, 0, "ADD", logger), ship(t, 10), associate(t, 30, "DELETE", logger), associate(t, 31, "ADD", logger2),
		segment(t, logger, 0, 20, 40), segment(t, logger2, 0, 30, 40),
	), "open P; bind A; shipped ["+PlaceKey(shop)+"]; unbind A; bind B; judge P; readings A 20+10; judge P; readings B 31+9; judge P")
}

func TestWithoutShippingTheRemovalOfTheLastLoggerEndsTheJourney(t *testing.T) {
	wants(t, script(t, NewTracker(DefaultLimits()),
		associate(t, 0, "ADD", logger), associate(t, 30, "DELETE", logger), associate(t, 60, "ADD", logger),
	), "open P; bind A; unbind A; ended; final P; retire P; open P; bind A")
}

func TestTheStrictestPolicyOfTheGoodsApplies(t *testing.T) {
	wants(t, script(t, NewTracker(DefaultLimits()),
		policy("any", 30_000, "*"), policy("cold", 8_000, insulin), policy("room", 25_000, tablets),
		associate(t, 0, "ADD", logger),
		pack(t, 1, "ADD", pallet, other),
		pack(t, 2, "ADD", pallet, serial),
		pack(t, 3, "ADD", pallet, other),
	), "open P; policy any true; bind A; policy room false; policy cold false")
}

func TestAPolicySetLateReachesJourneysThatHaveNone(t *testing.T) {
	wants(t, script(t, NewTracker(DefaultLimits()),
		pack(t, 0, "ADD", pallet, serial), associate(t, 1, "ADD", logger), policy("cold", 8_000, insulin), policy("colder", 7_000, insulin),
	), "open P; bind A; policy cold false")
}

func TestGoodsInCasesOnAPalletDecideItsPolicy(t *testing.T) {
	const inner = "urn:epc:id:sscc:9520001.3000000002"
	wants(t, script(t, NewTracker(DefaultLimits()),
		policy("cold", 8_000, insulin),
		associate(t, 0, "ADD", logger), pack(t, 1, "ADD", inner, serial), pack(t, 2, "ADD", pallet, inner),
	), "open P; bind A; policy cold false")
	wants(t, script(t, NewTracker(DefaultLimits()),
		policy("cold", 8_000, insulin),
		associate(t, 0, "ADD", logger), pack(t, 1, "ADD", inner, other), pack(t, 2, "ADD", pallet, inner), pack(t, 3, "ADD", inner, serial),
	), "open P; bind A; policy cold false")
}

func found(t testing.TB, item, container string) wire.Transaction {
	t.Helper()
	tx := event(t, 30, fmt.Sprintf(`"type":"ObjectEvent","epcList":[%q],"action":"ADD","bizStep":"commissioning"`, item))
	tx.Findings = []ledger.Finding{{Code: ledger.FindingCommissionedTwice, Item: canonical(t, item), Event: tx.Events[0].Hash}}
	tx.Items = []ledger.ItemState{{EPC: canonical(t, item), Container: container}}
	return tx
}

func TestFindingsReachTheContainerAroundTheirItem(t *testing.T) {
	t.Run("while it is under way", func(t *testing.T) {
		wants(t, script(t, NewTracker(DefaultLimits()),
			pack(t, 0, "ADD", pallet, serial), associate(t, 1, "ADD", logger), found(t, serial, canonical(t, pallet)),
		), "open P; bind A; finding commissioned_twice; judge P")
	})
	t.Run("before the item was packed", func(t *testing.T) {
		wants(t, script(t, NewTracker(DefaultLimits()),
			found(t, serial, ""), pack(t, 0, "ADD", pallet, serial), associate(t, 1, "ADD", logger),
		), "open P; finding commissioned_twice; judge P; bind A")
	})
	t.Run("before the journey began", func(t *testing.T) {
		wants(t, script(t, NewTracker(DefaultLimits()),
			pack(t, 0, "ADD", pallet, serial), found(t, serial, canonical(t, pallet)), associate(t, 1, "ADD", logger),
		), "open P; finding commissioned_twice; judge P; bind A")
	})
	t.Run("of an item elsewhere", func(t *testing.T) {
		wants(t, script(t, NewTracker(DefaultLimits()),
			pack(t, 0, "ADD", pallet, serial), associate(t, 1, "ADD", logger), found(t, other, ""),
		), "open P; bind A")
	})
}

func TestEveryStepOfAContainerIsToldWithItsPlace(t *testing.T) {
	gln := PlaceKey(shop)
	tr := NewTracker(DefaultLimits())
	wants(t, told(t, tr,
		receive(t, 0, "storing", shop), // nothing is known of it yet
		associate(t, 10, "ADD", logger),
		receive(t, 15, "departing", shop),
		ship(t, 20),
		receive(t, 60, "receiving", shop),
		receive(t, 70, "storing", shop),   // after its journey
		receive(t, 50, "arriving", shop),  // before its end, recorded late
		receive(t, 50, "arriving", other), // a place of another kind
	), "open P; bind A; step installing 10 []; step departing 15 ["+gln+"]; step shipping 20 []; shipped ["+gln+"]; step receiving 60 ["+gln+"]; received ["+gln+
		"]; ended; final P; step arriving 50 ["+gln+"]; final P; step arriving 50 ["+PlaceKey(other)+"]; final P")
}

// wrong declares the event of a transaction in error, as its recorder does.
func wrong(t testing.TB, tx wire.Transaction) wire.Transaction {
	t.Helper()
	e := tx.Events[0]
	e.Body = append([]byte(`{"errorDeclaration":{"declarationTime":"2026-03-01T23:00:00.000Z"},`), e.Body[1:]...)
	declared, err := epcis.ParseEvent(nil, e.Body)
	if err != nil || !declared.IsErrorDeclaration() || ledger.Digest(declared.Hash()) != e.Hash {
		t.Fatalf("%s: %v", e.Body, err)
	}
	return wire.Transaction{Restatements: []wire.RecordedEvent{e}, Withdrawn: []ledger.Digest{e.Hash}}
}

func TestAReceiptDeclaredInErrorLetsTheJourneyGoOn(t *testing.T) {
	const elsewhere = "urn:epc:id:sgln:9520003.00002.0"
	gln, far := PlaceKey(shop), PlaceKey(elsewhere)
	tr := NewTracker(DefaultLimits())
	mistaken := receive(t, 60, "receiving", elsewhere)
	wants(t, script(t, tr,
		associate(t, 10, "ADD", logger), ship(t, 20), segment(t, logger, 0, 20, 50), mistaken,
		segment(t, logger, 1, 50, 80), // half of it after the end that was no end
		wrong(t, mistaken),
		receive(t, 90, "receiving", shop),
	), "open P; bind A; shipped ["+gln+"]; readings A 20+30; judge P; received ["+far+"]; ended; final P; readings A 50+10; final P; "+
		"withdrawn; reopened; readings A 60+20; judge P; judge P; received ["+gln+"]; ended; final P")
	if tr.Open() != 1 {
		t.Errorf("%d journeys", tr.Open())
	}
	t.Run("but another's word does nothing", func(t *testing.T) {
		tr := NewTracker(DefaultLimits())
		tx := wrong(t, mistaken)
		tx.Withdrawn = nil
		got := script(t, tr, associate(t, 10, "ADD", logger), ship(t, 20), mistaken, tx)
		if got[len(got)-1] != "final P" {
			t.Errorf("%v", got)
		}
	})
}

func TestAFindingThatClosesIsToldWhereItWasRaised(t *testing.T) {
	tx := found(t, serial, canonical(t, pallet))
	f := tx.Findings[0]
	f.Change = ledger.FindingClosed
	closed := wire.Transaction{Changes: []ledger.Finding{f}, Items: tx.Items}
	wants(t, script(t, NewTracker(DefaultLimits()),
		pack(t, 0, "ADD", pallet, serial), associate(t, 1, "ADD", logger), tx, closed,
	), "open P; bind A; finding commissioned_twice; judge P; closed commissioned_twice; judge P")
	wants(t, script(t, NewTracker(DefaultLimits()),
		tx, closed, pack(t, 0, "ADD", pallet, serial), associate(t, 1, "ADD", logger),
	), "open P; bind A")
}

func TestReadingsInsideEventsBecomeTheSameSeries(t *testing.T) {
	tr := NewTracker(DefaultLimits())
	script(t, tr, associate(t, 0, "ADD", logger))
	got := tr.Apply(99, event(t, 30, fmt.Sprintf(`"type":"ObjectEvent","epcList":[%q],"action":"OBSERVE","bizStep":"inspecting","sensorElementList":[
		{"sensorMetadata":{"time":%q,"deviceID":%q},"sensorReport":[{"type":"Temperature","value":41,"uom":"FAH"},{"type":"Pressure","value":1,"uom":"PAL"}]},
		{"sensorMetadata":{"time":%q,"deviceID":%q},"sensorReport":[{"type":"Temperature","value":278.15,"uom":"KEL"}]},
		{"sensorReport":[{"type":"Temperature","value":-5.5,"uom":"CEL"}]}]`, pallet, at(20), logger, at(10), logger)))
	if len(got) != 4 || got[0].Input.Kind != KindStep || got[3].Kind != StepJudge {
		t.Fatalf("%+v", got)
	}
	got = got[1:]
	if in := got[0].Input; in.Device != "" || in.Channels[0].Values[0] != -5_500 || in.Times[0] != millis(t, 30) {
		t.Errorf("%+v", in)
	}
	in := got[1].Input
	if in.Device != canonical(t, logger) || len(in.Times) != 2 || in.Times[0] != millis(t, 10) || in.Channels[0].Values[0] != 5_000 || in.Channels[0].Values[1] != 5_000 {
		t.Errorf("%+v", in)
	}
}

func TestUnitsAreConverted(t *testing.T) {
	for _, c := range []struct {
		kind, value, uom string
		want             int32
		ok               bool
	}{
		{"Temperature", "26", "CEL", 26_000, true},
		{"gs1:Temperature", "-0.5", "CEL", -500, true},
		{"Temperature", "32", "FAH", 0, true},
		{"Temperature", "-40", "FAH", -40_000, true},
		{"Temperature", "273.15", "KEL", 0, true},
		{"Temperature", "0", "KEL", -273_150, true},
		{"RelativeHumidity", "12.25", "P1", 12_250, true},
		{"Temperature", "1e9", "CEL", 0, false},
		{"Temperature", "1e999", "CEL", 0, false},
		{"Temperature", "NaN", "CEL", 0, false},
		{"Temperature", "-300", "CEL", 0, false},
		{"Temperature", "", "CEL", 0, false},
		{"Temperature", "26", "P1", 0, false},
		{"Pressure", "26", "PAL", 0, false},
	} {
		if _, got, ok := Thousandths(c.kind, c.value, c.uom); ok != c.ok || got != c.want {
			t.Errorf("%s %s %s: %d %v", c.kind, c.value, c.uom, got, ok)
		}
	}
}

func TestEndedJourneysLingerForSomeBlocks(t *testing.T) {
	limits := DefaultLimits()
	limits.Linger = 10
	tr := NewTracker(limits)
	script(t, tr, associate(t, 0, "ADD", logger), ship(t, 10), receive(t, 60, "receiving", shop))
	if got := tr.Apply(tr.block+10, segment(t, logger, 0, 0, 20)); len(got) != 2 {
		t.Errorf("late data were not taken: %d steps", len(got))
	}
	got := tr.Apply(tr.block+1, segment(t, logger, 1, 20, 30))
	if len(got) != 1 || got[0].Kind != StepRetire || tr.Open() != 0 {
		t.Errorf("%+v", got)
	}
}

func TestJourneysThatOnlyLingerMakeRoomForThoseUnderWay(t *testing.T) {
	limits := DefaultLimits()
	limits.Shipments = 2
	tr := NewTracker(limits)
	box := func(n int) string { return fmt.Sprintf("urn:epc:id:sscc:9520001.3%09d", n) }
	ships := func(n int, step string) wire.Transaction {
		return event(t, 10+n, fmt.Sprintf(`"type":"ObjectEvent","epcList":[%q],"action":"OBSERVE","bizStep":%q`, box(n), step))
	}
	script(t, tr, ships(1, "shipping"), ships(2, "shipping"), ships(2, "receiving"))
	got := script(t, tr, ships(3, "shipping"))
	if tr.Overflow() != 0 || tr.Open() != 2 || got[len(got)-1] != "retire "+strings.TrimPrefix(canonical(t, box(2)), "https://id.gs1.org/00/") {
		t.Errorf("%v, %d open, %d given up", got, tr.Open(), tr.Overflow())
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	limits := Limits{Shipments: 3, Containers: 5, Devices: 4, EarlyReadings: 50, Suspects: 2, Products: 3, Linger: 5}
	tr := NewTracker(limits)
	for i := range 60 {
		epc := fmt.Sprintf("urn:epc:id:sscc:9520001.3%09d", i)
		device := fmt.Sprintf("urn:epc:id:giai:9520002.X%d", i)
		tr.Apply(uint64(i), segment(t, device, 0, 0, 30))
		tr.Apply(uint64(i), pack(t, 0, "ADD", epc, serial))
		if i%2 == 0 {
			tr.Apply(uint64(i), event(t, 0, fmt.Sprintf(`"type":"AssociationEvent","parentID":%q,"childEPCs":[%q],"action":"ADD"`, epc, device)))
		}
		tr.Apply(uint64(i), found(t, fmt.Sprintf("urn:epc:id:sgtin:9520001.000101.%d", 1000+i), ""))
		tr.Apply(uint64(i), policy("p", 8_000, fmt.Sprintf("product %d", i)))
		if tr.Open() > limits.Shipments || tr.containers.Len() > limits.Containers || tr.devices.Len() > limits.Devices ||
			tr.early > limits.EarlyReadings || tr.suspects.Len() > limits.Suspects || tr.policies.Len() > limits.Products {
			t.Fatalf("after %d: %d %d %d %d %d %d", i, tr.Open(), tr.containers.Len(), tr.devices.Len(), tr.early, tr.suspects.Len(), tr.policies.Len())
		}
	}
	if tr.Overflow() == 0 {
		t.Error("journeys were given up and not counted")
	}
}

// Whatever is recorded in whatever order, the tracker goes on, and saved and restored it goes on alike.
func TestAnyOrderOfRecordingIsSurvivedAndRestored(t *testing.T) {
	all := []wire.Transaction{
		policy("cold", 8_000, insulin), policy("any", 9_000, "*"), pack(t, 0, "ADD", pallet, serial), associate(t, 10, "ADD", logger), ship(t, 20),
		segment(t, logger, 0, 0, 30), segment(t, logger, 1, 30, 90), associate(t, 40, "DELETE", logger), associate(t, 41, "ADD", logger2),
		segment(t, logger2, 0, 30, 60), receive(t, 80, "receiving", shop), pack(t, 85, "DELETE", pallet, serial), found(t, serial, canonical(t, pallet)),
		associate(t, 86, "DELETE", logger2),
		{Events: []wire.RecordedEvent{{Body: []byte(`{"type":"AssociationEvent"}`)}}},
		{},
	}
	rapid.Check(t, func(t *rapid.T) {
		limits := DefaultLimits()
		limits.Linger = rapid.Uint64Range(0, 10).Draw(t, "linger")
		straight, saved := NewTracker(limits), NewTracker(limits)
		open := map[string]bool{}
		for i, tx := range rapid.SliceOfN(rapid.SampledFrom(all), 1, 40).Draw(t, "transactions") {
			a, b := straight.Apply(uint64(i), tx), saved.Apply(uint64(i), tx)
			if len(a) != len(b) {
				t.Fatalf("%d and %d steps", len(a), len(b))
			}
			for j := range a {
				x, y := canon.Writer(nil), canon.Writer(nil)
				a[j].Input.Code(x)
				b[j].Input.Code(y)
				if a[j].Kind != b[j].Kind || a[j].Shipment != b[j].Shipment || !bytes.Equal(x.Bytes(), y.Bytes()) {
					t.Fatalf("%+v\n%+v", a[j], b[j])
				}
				switch s := a[j]; s.Kind {
				case StepOpen:
					if open[s.Shipment] {
						t.Fatal("opened twice")
					}
					open[s.Shipment] = true
				case StepRetire:
					delete(open, s.Shipment)
				case StepInput, StepJudge:
					if !open[s.Shipment] {
						t.Fatalf("step of a shipment that is not open: %+v", s)
					}
				}
			}
			if len(open) != straight.Open() {
				t.Fatalf("%d open, it says %d", len(open), straight.Open())
			}
			w := canon.Writer(nil)
			saved.Code(w)
			saved = NewTracker(limits)
			r := canon.Reader(w.Bytes())
			saved.Code(r)
			if err := r.Done(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkApplyIrrelevantEvent(b *testing.B) {
	tr := NewTracker(DefaultLimits())
	tx := event(b, 0, fmt.Sprintf(`"type":"ObjectEvent","epcList":[%q],"action":"ADD","bizStep":"commissioning","ilmd":{"cbvmda:lotNumber":"%s"}`, serial, strings.Repeat("x", 700)))
	b.ReportAllocs()
	for b.Loop() {
		tr.Apply(1, tx)
	}
}

// BenchmarkApplySegment takes segments of a bound device, of 60 readings each, without and with references.
func BenchmarkApplySegment(b *testing.B) {
	for name, start := range map[string]func(Limits) *Tracker{"without": NewTracker, "with": NewTracedTracker} {
		b.Run(name, func(b *testing.B) {
			var txs []wire.Transaction
			for k := range 1_000 {
				txs = append(txs, segment(b, logger, uint64(k), k, k+60))
			}
			tr, k := start(DefaultLimits()), len(txs)
			b.ReportAllocs()
			for b.Loop() {
				if k == len(txs) {
					tr, k = start(DefaultLimits()), 0
					tr.Apply(1, associate(b, 0, "ADD", logger))
				}
				tr.Apply(1, txs[k])
				k++
			}
		})
	}
}
