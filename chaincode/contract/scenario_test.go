package contract_test

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// A scenario is a text file of lines; testdata/findings/README.md says what they mean.
type scenario struct {
	t       fatal
	c       *channel
	names   map[string]string // labels of events
	entries map[string]told
	events  []told // in the order of the file
	items   map[string]bool
	setup   []func() // registrations, in order
	// committed are the transactions that wrote, in order, for who reads the ledger.
	committed []committed
}

type committed struct {
	who, id string
	at      time.Time
	stub    *statetest.Stub
}

// submit runs a function as an organisation and commits it.
func (s *scenario) submit(who, function string, batch []byte) ([]wire.Answer, *statetest.Stub) {
	s.t.Helper()
	answers, stub := s.c.submit(s.t, who, function, batch)
	if len(stub.ReadWriteSet().Writes) > 0 {
		s.committed = append(s.committed, committed{who, fmt.Sprintf("tx%d", s.c.txs), s.c.clock, stub})
	}
	return answers, stub
}

// told is an event with who records it.
type told struct {
	who   string
	entry wire.EventEntry
}

// epc spells a scenario's name: i1 a trade item, c1 a container, lot1 a lot, P1 a place of A, Q1 a place of B.
func epc(name string) string {
	digits := func(prefix string) string { return strings.TrimPrefix(name, prefix) }
	switch {
	case strings.HasPrefix(name, "lot"):
		return "urn:epc:class:lgtin:9506000.013435." + digits("lot")
	case strings.HasPrefix(name, "i"):
		return "urn:epc:id:sgtin:9506000.013435." + digits("i")
	case strings.HasPrefix(name, "c"):
		return "urn:epc:id:sscc:9506000." + fmt.Sprintf("%010s", digits("c"))
	case strings.HasPrefix(name, "P"):
		return "urn:epc:id:sgln:9506000." + fmt.Sprintf("%05s", digits("P")) + ".0"
	case strings.HasPrefix(name, "Q"):
		return "urn:epc:id:sgln:4012345." + fmt.Sprintf("%05s", digits("Q")) + ".0"
	}
	return name
}

func canonical(name string) string {
	c, err := epcis.CanonicalEPC(epc(name))
	if err != nil {
		return name
	}
	return c
}

func newScenario(t fatal) *scenario {
	t.Helper()
	return &scenario{t: t, c: newChannel(t), names: map[string]string{}, entries: map[string]told{}, items: map[string]bool{}}
}

// options reads words like window=48h.
func options(words []string) map[string]string {
	out := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		out[k] = v
	}
	return out
}

func (s *scenario) span(text string) ledger.Millis {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(strings.TrimPrefix(text, "+"))
	if err != nil {
		s.t.Fatal(err)
	}
	return ledger.Millis(d.Milliseconds())
}

func (s *scenario) number(text string) int64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	out := strings.Split(text, ",")
	slices.Sort(out)
	return out
}

// datum reads a line of master data: kind, organisation, the rest.
func (s *scenario) datum(kind string, words []string) ledger.MasterDatum {
	o := options(words)
	m := ledger.MasterDatum{Version: uint32(max(1, s.number(o["version"])))}
	switch kind {
	case "prefix":
		m.Prefix = &ledger.Prefix{Prefix: words[0], To: o["to"]}
	case "rules":
		_, places := o["strict-places"]
		_, receipts := o["strict-receipts"]
		m.Rules = &ledger.Rules{
			Keepers: list(cmp.Or(o["keepers"], "A")), Window: s.span(o["window"]), MaxSpeed: s.number(o["speed"]),
			EventBehind: s.span(o["behind"]), EventAhead: s.span(o["ahead"]), StrictPlaces: places, StrictReceipts: receipts,
		}
	case "place":
		m.Place = &ledger.Place{ID: canonical(words[0]), Operators: list(o["operators"]), Steps: list(o["steps"])}
		if lat, lon, ok := strings.Cut(o["at"], ","); ok {
			m.Place.Position = &ledger.LatLon{Lat: int32(s.number(lat)), Lon: int32(s.number(lon))}
		}
	case "lane":
		m.Lane = &ledger.Lane{From: canonical(words[0]), To: canonical(words[1]), Window: s.span(o["window"]), MaxSpeed: s.number(o["speed"])}
	case "product":
		_, balance := o["balance"]
		m.Product = &ledger.Product{ID: ledger.ProductOf(canonical(words[0])), Balance: balance}
	}
	return m
}

func quantity(word string) fields {
	name, amount, _ := strings.Cut(word, "*")
	number := strings.TrimRight(amount, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	f := fields{"epcClass": epc(name)}
	n, err := strconv.ParseFloat(number, 64)
	if err == nil {
		f["quantity"] = n
	}
	if uom := amount[len(number):]; uom != "" {
		f["uom"] = uom
	}
	return f
}

// event reads "+90m A ship i1 @P1 >Q1".
func (s *scenario) event(words []string) told {
	at, err := time.ParseDuration(strings.TrimPrefix(words[0], "+"))
	if err != nil {
		s.t.Fatal(err)
	}
	who, verb := words[1], words[2]
	zone := "+00:00"
	if who == "B" { // an event is its content: those of two organisations are never the same here
		zone = "+01:00"
	}
	f := fields{"eventTimeZoneOffset": zone, "eventTime": start.Add(at).Format(time.RFC3339)}
	var epcs, outputs []string
	var quantities, made []fields
	produced, label := false, ""
	for _, w := range words[3:] {
		switch {
		case strings.HasPrefix(w, "@"):
			f["readPoint"] = fields{"id": epc(w[1:])}
		case strings.HasPrefix(w, ">"):
			f["destinationList"] = []fields{{"type": "location", "destination": epc(w[1:])}}
		case w == "claims":
			f["eventID"] = epcis.Hash{1}.String()
		case w == "named":
			f["eventID"] = "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8"
		case w == "=":
			produced = true
		case strings.HasPrefix(w, "label="):
			label = w[6:]
		case strings.HasPrefix(w, "id="):
			f["transformationID"] = w[3:]
		case strings.Contains(w, "*") && produced:
			made = append(made, quantity(w))
		case strings.Contains(w, "*"):
			quantities = append(quantities, quantity(w))
		case produced:
			outputs = append(outputs, epc(w))
		default:
			epcs = append(epcs, epc(w))
		}
	}
	set := func(key string, value any, some bool) {
		if some {
			f[key] = value
		}
	}
	object := func(action, step string) {
		f["action"], f["bizStep"] = action, step
		set("epcList", epcs, len(epcs) > 0)
		set("quantityList", quantities, len(quantities) > 0)
		f["type"] = "ObjectEvent"
	}
	contain := func(kind, action string) {
		f["type"], f["action"], f["parentID"] = kind, action, epcs[0]
		set("childEPCs", epcs[1:], len(epcs) > 1)
		set("childQuantityList", quantities, len(quantities) > 0)
	}
	switch verb {
	case "commission":
		object("ADD", "commissioning")
	case "decommission":
		object("DELETE", "decommissioning")
	case "ship":
		object("OBSERVE", "shipping")
	case "receive":
		object("OBSERVE", "receiving")
	case "void":
		object("OBSERVE", "void_shipping")
	case "inspect":
		object("OBSERVE", "inspecting")
	case "pack":
		contain("AggregationEvent", "ADD")
	case "unpack", "empty":
		contain("AggregationEvent", "DELETE")
	case "tie":
		contain("AssociationEvent", "ADD")
	case "transform":
		f["type"] = "TransformationEvent"
		set("inputEPCList", epcs, len(epcs) > 0)
		set("inputQuantityList", quantities, len(quantities) > 0)
		set("outputEPCList", outputs, len(outputs) > 0)
		set("outputQuantityList", made, len(made) > 0)
	default:
		s.t.Fatalf("no verb %q", verb)
	}
	e := told{who: who, entry: plain(s.t, f)}
	if label != "" {
		f["errorDeclaration"] = fields{"declarationTime": start.Add(at + time.Hour).Format(time.RFC3339), "reason": "incorrect_data"}
		s.entries[label] = told{who: who, entry: plain(s.t, f)}
	}
	in := readEntry(s.t, e.entry)
	for _, part := range in.Items {
		s.items[part.EPC] = true
	}
	if label != "" {
		s.names[in.Hash.String()] = label
	}
	s.events = append(s.events, e)
	return e
}

func plain(t fatal, f fields) wire.EventEntry {
	t.Helper()
	e := entry(0, f)
	if _, ok := f["epcList"]; !ok {
		e.Body = bytes.Replace(e.Body, []byte(`"epcList":["`+item+`"],`), nil, 1)
	}
	if f["type"] == "TransformationEvent" {
		e.Body = bytes.Replace(e.Body, []byte(`"action":"OBSERVE",`), nil, 1)
	}
	return e
}

func readEntry(t fatal, e wire.EventEntry) ledger.EventInput {
	t.Helper()
	context, err := epcis.ParseContext(e.Context)
	if err != nil {
		t.Fatal(err)
	}
	in, err := ledger.ReadEvent(context, e.Context, e.Body)
	if err != nil {
		t.Fatalf("%s: %v", e.Body, err)
	}
	return in
}

func (s *scenario) record(e told) []wire.Answer {
	s.t.Helper()
	answers, _ := s.submit(e.who, wire.FnRecordEvents, events(s.t, e.entry))
	if answers[0].Status == ledger.StatusRefused {
		s.t.Fatalf("%s: %s %s", e.entry.Body, answers[0].Code, answers[0].Message)
	}
	return answers
}

func (s *scenario) review(epcs ...string) []wire.Answer {
	s.t.Helper()
	var b wire.ReviewBatch
	for _, e := range epcs {
		b.Subjects = append(b.Subjects, wire.ReviewSubject{Item: e})
	}
	for h := range s.c.hashes() {
		b.Subjects = append(b.Subjects, wire.ReviewSubject{Event: h})
	}
	data, err := wire.Encode(b)
	if err != nil {
		s.t.Fatal(err)
	}
	answers, _ := s.submit("A", wire.FnReview, data)
	expectNoRefusal(s.t, answers)
	return answers
}

func expectNoRefusal(t fatal, answers []wire.Answer) {
	t.Helper()
	for _, a := range answers {
		if a.Status == ledger.StatusRefused {
			t.Fatal(a.Code, a.Message)
		}
	}
}

// hashes lists the recorded events, at most as many as a review takes.
func (c *channel) hashes() map[ledger.Digest]bool {
	out := map[ledger.Digest]bool{}
	for key := range c.world.State() {
		if kind, parts, err := wire.ParseKey(key); err == nil && kind == wire.KindEvent && len(out) < ledger.MaxReviewEvents {
			if h, err := ledger.ParseDigest(parts[0]); err == nil {
				out[h] = true
			}
		}
	}
	return out
}

// findings lists what is recorded, by name.
func (c *channel) findings(t fatal, open bool) []ledger.Finding {
	t.Helper()
	var out []ledger.Finding
	for key, value := range c.world.State() {
		if kind, _, err := wire.ParseKey(key); err != nil || kind != wire.KindFinding {
			continue
		}
		f, err := wire.Decode[ledger.Finding](value, wire.MaxStoredBytes)
		if err != nil {
			t.Fatal(err)
		}
		if f.Open() == open {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b ledger.Finding) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Item, b.Item), bytes.Compare(a.Event[:], b.Event[:]))
	})
	return out
}

// told lists findings as a scenario does: code, item and label of the event.
func (s *scenario) told(found []ledger.Finding) string {
	lines := make([]string, 0, len(found))
	for _, f := range found {
		lines = append(lines, strings.TrimSpace(string(f.Code)+" "+s.names[f.Event.String()]))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

func (s *scenario) line(words []string) {
	s.t.Helper()
	switch {
	case words[0] == "clock":
		s.c.clock = start.Add(time.Duration(s.span(words[1])) * time.Millisecond)
	case strings.HasPrefix(words[0], "+"):
		s.record(s.event(words))
	case words[0] == "error":
		s.record(s.entries[words[1]])
	case words[0] == "review":
		epcs := make([]string, len(words)-1)
		for i, w := range words[1:] {
			epcs[i] = canonical(w)
		}
		s.review(epcs...)
	case words[0] == "open:":
		want := strings.Split(strings.Join(words[1:], " "), ", ")
		slices.Sort(want)
		if got := s.told(s.c.findings(s.t, true)); got != strings.Join(want, ", ") {
			s.t.Fatalf("open is %q, not %q", got, strings.Join(want, ", "))
		}
	case words[0] == "refused":
		data, err := wire.Encode(wire.MasterBatch{Data: []ledger.MasterDatum{s.datum(words[2], words[4:])}})
		if err != nil {
			s.t.Fatal(err)
		}
		answers, _ := s.submit(words[3], wire.FnRegisterMaster, data)
		if answers[0].Code != words[1] {
			s.t.Fatalf("answered %s %s", statuses(answers), answers[0].Message)
		}
	default:
		m := s.datum(words[0], words[2:])
		register := func() {
			data, err := wire.Encode(wire.MasterBatch{Data: []ledger.MasterDatum{m}})
			if err != nil {
				s.t.Fatal(err)
			}
			answers, _ := s.submit(words[1], wire.FnRegisterMaster, data)
			expectNoRefusal(s.t, answers)
		}
		s.setup = append(s.setup, register)
		register()
	}
}

// play runs a scenario's text.
func (s *scenario) play(name string, text []byte) {
	s.t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		s.t = at{s.t, fmt.Sprintf("%s:%d: %s: ", name, n, line)}
		s.line(words)
		s.t = s.t.(at).fatal
	}
}

// at puts the place in a scenario before a failure.
type at struct {
	fatal
	place string
}

func (a at) Fatal(args ...any) {
	a.Helper()
	a.fatal.Fatalf("%s%s", a.place, fmt.Sprint(args...))
}

func (a at) Fatalf(format string, args ...any) {
	a.Helper()
	a.fatal.Fatalf("%s%s", a.place, fmt.Sprintf(format, args...))
}

func scenarios(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/findings/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = text
	}
	return out
}

func TestScenariosOfFindings(t *testing.T) {
	raised := map[ledger.FindingCode]bool{}
	for name, text := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t)
			s.play(name, text)
			for _, open := range []bool{true, false} {
				for _, f := range s.c.findings(t, open) {
					raised[f.Code] = raised[f.Code] || !open
					if f.Severity != f.Code.Severity() || f.RaisedIn == "" || f.Detail == "" || open != (f.ClosedIn == "") {
						t.Errorf("%+v", f)
					}
				}
			}
		})
	}
	for _, code := range ledger.FindingCodes() {
		if !raised[code] {
			t.Errorf("no scenario raises and closes %s", code)
		}
	}
}

func TestScenariosLeadToTheSameFindingsInEveryOrderOfRecording(t *testing.T) {
	for name, text := range scenarios(t) {
		if bytes.Contains(text, []byte("# in this order")) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			first := newScenario(t)
			first.play(name, text)
			rapid.Check(t, func(t *rapid.T) {
				second := newScenario(t)
				second.names = first.names
				second.c.clock = first.c.clock
				all := slices.Clone(first.events)
				for line := range strings.SplitSeq(string(text), "\n") {
					if words := strings.Fields(line); len(words) == 2 && words[0] == "error" {
						all = append(all, first.entries[words[1]])
					} else if len(words) > 1 && slices.Contains([]string{"prefix", "rules", "place", "lane", "product"}, words[0]) {
						second.line(words)
					}
				}
				second.inAnyOrder(t, all)
				for e := range first.items {
					first.items[e] = true
					second.items[e] = true
				}
				sameOpen(t, first, second)
			})
		})
	}
}

// inAnyOrder records events in a drawn order and drawn batches.
func (s *scenario) inAnyOrder(t *rapid.T, all []told) {
	order := rapid.Permutation(all).Draw(t, "order")
	for len(order) > 0 {
		n := 1
		for n < len(order) && order[n].who == order[0].who && rapid.Bool().Draw(t, "together") {
			n++
		}
		var batch []wire.EventEntry
		for _, e := range order[:n] {
			batch = append(batch, e.entry)
		}
		answers, _ := s.submit(order[0].who, wire.FnRecordEvents, events(t, batch...))
		expectNoRefusal(t, answers)
		order = order[n:]
	}
}

// sameOpen reviews every item of two channels and compares what is open, to the letter.
func sameOpen(t fatal, a, b *scenario) {
	t.Helper()
	stated := func(s *scenario) []ledger.Finding {
		var epcs []string
		for e := range s.items {
			epcs = append(epcs, e)
		}
		slices.Sort(epcs)
		s.review(epcs...)
		out := s.c.findings(t, true)
		for i := range out {
			f := &out[i]
			out[i] = ledger.Finding{Code: f.Code, Item: f.Item, Event: f.Event, Other: f.Other, Detail: f.Detail, Value: f.Value, Limit: f.Limit, Unit: f.Unit, Severity: f.Severity}
		}
		return out
	}
	x, y := stated(a), stated(b)
	if !slices.Equal(x, y) {
		t.Fatalf("findings differ:\n%+v\n%+v", x, y)
	}
	// A second review finds nothing new and writes nothing.
	before := len(b.c.world.State())
	for _, answer := range b.review(epcsOf(b)...) {
		if answer.Status != ledger.StatusDuplicate || len(answer.Findings) > 0 {
			t.Fatalf("reviewed twice: %+v", answer)
		}
	}
	if len(b.c.world.State()) != before {
		t.Fatal("a review without a change wrote")
	}
}

func epcsOf(s *scenario) []string {
	var out []string
	for e := range s.items {
		out = append(out, e)
	}
	slices.Sort(out)
	return out
}

// network registers places an hour's flight apart, a lane, a balanced product and strict rules.
const network = `
prefix A 9506000
prefix B 4012345
rules A keepers=A,B window=30m speed=200000 behind=100h strict-places strict-receipts
place A P1 at=52520000,13405000
place A P2 at=48137000,11575000 operators=B steps=shipping,receiving
place B Q1 at=41902000,12496000 operators=A
lane A P1 Q1 window=10m speed=900000
product A lot1 balance`

// history draws lines of a scenario on few subjects, so that they meet.
func history() *rapid.Generator[[]string] {
	one := rapid.Custom(func(t *rapid.T) string {
		minute := rapid.IntRange(0, 40).Draw(t, "minute")
		who := rapid.SampledFrom([]string{"A", "B"}).Draw(t, "who")
		verb := rapid.SampledFrom([]string{
			"commission i1", "decommission i1", "ship i1 >Q1", "ship i1 >P2", "receive i1", "receive c1", "ship c1 >Q1", "void i1", "inspect i1",
			"pack c1 i1", "pack c2 i1", "pack c2 c1", "unpack c1 i1", "unpack c2 i1", "empty c1", "tie c1 i2",
			"commission lot1*5KGM", "ship lot1*3KGM", "ship lot1*3KGM lot1*2", "receive lot1*4", "unpack c1 lot1*1KGM lot1*1", "receive lot1*2KGM", "pack c1 lot1*2KGM", "unpack c1 lot1*3KGM", "transform lot1*3KGM = lot2*4KGM",
			"transform lot1*3KGM = lot2*2KGM id=urn:t:1", "transform i1 = i2", "commission i2 i1",
		}).Draw(t, "what")
		place := rapid.SampledFrom([]string{"", " @P1", " @P2", " @Q1", " @P9"}).Draw(t, "where")
		return fmt.Sprintf("+%dm %s %s%s", minute, who, verb, place)
	})
	return rapid.SliceOfNDistinct(one, 1, 14, rapid.ID)
}

func TestFindingsAreTheSameForEveryOrderOfRecording(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := history().Draw(t, "history")
		var channels [2]*scenario
		for k := range channels {
			s := newScenario(t)
			s.c.clock = start.Add(101 * time.Hour)
			s.play("network", []byte(network))
			var all []told
			for i, line := range lines {
				label := fmt.Sprintf("e%d", i)
				e := s.event(append(strings.Fields(line), "label="+label))
				all = append(all, e)
				if strings.Contains(line, "+7m") || strings.Contains(line, "+13m") { // some of them in error
					all = append(all, s.entries[label])
				}
			}
			if k == 0 {
				for _, e := range all {
					s.record(e)
				}
			} else {
				s.inAnyOrder(t, all)
			}
			channels[k] = s
		}
		sameOpen(t, channels[0], channels[1])
	})
}

func TestTwoEndorsersFindTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := history().Draw(t, "history")
		s := newScenario(t)
		s.c.clock = start.Add(101 * time.Hour)
		s.play("network", []byte(network))
		for i, line := range lines {
			e := s.event(strings.Fields(line))
			batch := events(t, e.entry)
			one, first := s.c.simulate(e.who, fmt.Sprintf("t%d", i), wire.FnRecordEvents, batch)
			two, second := s.c.simulate(e.who, fmt.Sprintf("t%d", i), wire.FnRecordEvents, batch)
			if first.GetStatus() != shim.OK || !bytes.Equal(first.GetPayload(), second.GetPayload()) || !sameSets(one, two) {
				t.Fatalf("endorsers differ: %s", first.GetMessage())
			}
			s.c.world.Commit(one)
		}
	})
}

func sameSets(a, b *statetest.Stub) bool {
	x, y := a.ReadWriteSet(), b.ReadWriteSet()
	return slices.EqualFunc(x.Writes, y.Writes, func(v, w statetest.Write) bool {
		return v.Key == w.Key && bytes.Equal(v.Value, w.Value) && v.Delete == w.Delete
	}) && len(x.Reads) == len(y.Reads) && bytes.Equal(x.Event.GetPayload(), y.Event.GetPayload())
}
