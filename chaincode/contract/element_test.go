package contract_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

const (
	plantURN   = "urn:epc:id:sgln:9506000.00001.0"
	plant      = "https://id.gs1.org/414/9506000000015"
	location   = "urn:epcglobal:epcis:vtype:Location"
	masterHead = `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"ex":"https://example.com/ns/"}],"type":"EPCISDocument","schemaVersion":"2.0"`
)

// place is a vocabulary element in JSON.
func place(name string, children ...string) string {
	list := ""
	if len(children) > 0 {
		list = `,"children":["` + strings.Join(children, `","`) + `"]`
	}
	return fmt.Sprintf(`{"id":%q,"attributes":[{"id":"cbvmda:name","attribute":%q},{"id":"ex:gates","attribute":4}]%s}`, plantURN, name, list)
}

// masterDocument is a document with a vocabulary of locations in its header.
func masterDocument(created string, elements ...string) string {
	if created == "" {
		created = "2024-05-01T00:00:00Z"
	}
	return masterHead + `,"creationDate":"` + created + `","epcisHeader":{"epcisMasterData":{"vocabularyList":[{"type":"` + location +
		`","vocabularyElementList":[` + strings.Join(elements, ",") + `]}]}},"epcisBody":{"eventList":[]}}`
}

// elements encodes what the header of a document states.
func elements(t fatal, created string, list ...string) []byte {
	t.Helper()
	doc, err := epcis.ReadHead(strings.NewReader(masterDocument(created, list...)), epcis.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := wire.DocumentElements(doc)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := wire.EncodeElementBatch(entries)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// inForce gives an organisation's word on the plant.
func (c *channel) inForce(t fatal, msp string) ledger.Element {
	t.Helper()
	stored := query[wire.RecordedElement](t, c, wire.FnGetElement, msp, location, plant)
	within, err := epcis.ParseContext(stored.Context)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ledger.ReadElement(within, stored.Context, stored.Body)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhatIsStatedOfAVocabularyElementIsKeptOnce(t *testing.T) {
	c := newChannel(t)
	answers, stub := c.submit(t, "A", wire.FnRecordElements, elements(t, "", place("Plant", "urn:epc:id:sgln:9506000.00001.gate")))
	expect(t, answers, "recorded")
	recorded := transaction(t, stub).Elements
	if len(recorded) != 1 || !recorded[0].InForce || recorded[0].Record.MSPID != "A" || recorded[0].Record.ID != plant || recorded[0].Record.Type != location {
		t.Fatalf("recorded %+v", recorded)
	}
	e := c.inForce(t, "A")
	want := []ledger.ElementAttribute{
		{Namespace: "urn:epcglobal:cbv:mda", Local: "name", Value: "Plant"}, {Namespace: "https://example.com/ns", Local: "gates", Value: "4", JSON: true},
	}
	if !slices.Equal(e.Attributes, want) || !slices.Equal(e.Children, []string{plant + "/254/gate"}) {
		t.Errorf("stated is %+v", e)
	}
	for _, created := range []string{"", "2025-01-01T00:00:00Z", "2023-01-01T00:00:00Z"} {
		answers, stub = c.submit(t, "A", wire.FnRecordElements, elements(t, created, place("Plant", plant+"/254/gate")))
		expect(t, answers, "duplicate")
		if n := len(stub.ReadWriteSet().Writes); n > 0 {
			t.Errorf("the same content of %q writes %d keys", created, n)
		}
	}
}

func TestOrganisationsSpeakForThemselves(t *testing.T) {
	c := newChannel(t)
	c.submit(t, "A", wire.FnRecordElements, elements(t, "", place("Plant")))
	answers, _ := c.submit(t, "B", wire.FnRecordElements, elements(t, "", place("Their plant")))
	expect(t, answers, "recorded")
	if a, b := c.inForce(t, "A"), c.inForce(t, "B"); a.Attributes[0].Value != "Plant" || b.Attributes[0].Value != "Their plant" {
		t.Errorf("A says %+v, B says %+v", a, b)
	}
	if _, response := c.simulate("A", "q", wire.FnGetElement, []byte("C"), []byte(location), []byte(plant)); response.GetStatus() == shim.OK ||
		!strings.HasPrefix(response.GetMessage(), ledger.CodeNotFound) {
		t.Errorf("who said nothing: %s", response.GetMessage())
	}
}

func TestTheLastStatedIsInForceInEveryOrderOfRecording(t *testing.T) {
	var batches [][]byte
	for year := 2019; year <= 2023; year++ {
		batches = append(batches, elements(t, fmt.Sprintf("%d-01-01T00:00:00Z", year), place(fmt.Sprint("Plant ", year))))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		c := newChannel(t)
		for range 3 {
			random.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
			for _, b := range batches {
				c.submit(t, "A", wire.FnRecordElements, b)
			}
		}
		if e := c.inForce(t, "A"); e.Attributes[0].Value != "Plant 2023" {
			t.Fatalf("in force is %+v", e)
		}
		// Each was recorded once: nothing is left to write.
		for _, b := range batches {
			if answers, _ := c.submit(t, "A", wire.FnRecordElements, b); answers[0].Status != ledger.StatusDuplicate {
				t.Fatalf("again: %+v", answers)
			}
		}
	}
}

func TestAStatementOfTheFutureDoesNotSilenceLaterOnes(t *testing.T) {
	c := newChannel(t)
	c.submit(t, "A", wire.FnRecordElements, elements(t, "2999-01-01T00:00:00Z", place("Plant")))
	c.clock = c.clock.Add(time.Minute)
	c.submit(t, "A", wire.FnRecordElements, elements(t, "2999-01-01T00:00:00Z", place("Plant, renamed")))
	if e := c.inForce(t, "A"); e.Attributes[0].Value != "Plant, renamed" {
		t.Errorf("in force is %+v", e)
	}
}

func TestElementsBeyondTheLimitsAreRefusedEachForItself(t *testing.T) {
	c := newChannel(t)
	text := func(element string) wire.ElementEntry {
		body, err := ledger.ElementText(location, []byte(element), 1)
		if err != nil {
			t.Fatal(err)
		}
		return wire.ElementEntry{EventEntry: wire.EventEntry{Body: body}}
	}
	many := strings.Repeat(`{"id":"cbvmda:name","attribute":"x"},`, ledger.MaxElementAttributes+1)
	list := []wire.ElementEntry{
		text(`{"id":"urn:x:1"}`),
		text(`{"id":"urn:x:2","attributes":[{"id":"cbvmda:name","attribute":"` + strings.Repeat("x", ledger.MaxElementBytes) + `"}]}`),
		text(`{"id":"urn:x:3","attributes":[` + strings.TrimSuffix(many, ",") + `]}`),
		text(`{"id":"urn:x:4","children":["` + strings.Repeat(`urn:x","`, ledger.MaxElementChildren) + `urn:x"]}`),
		text(`{"id":"urn:x:` + strings.Repeat("5", ledger.MaxIdentifierBytes) + `"}`),
		text(`{"id":"urn:x:6 "}`),
		text(`{"id":7}`),
		text(`[]`),
		{EventEntry: wire.EventEntry{Body: []byte(`{"vocabulary":"urn:v","element":{"id":"urn:x:9"},"more":1}`)}},
		{EventEntry: wire.EventEntry{Body: []byte(`{ "vocabulary":"urn:v","element":{"id":"urn:x:10"}}`)}},
		text(`{"id":"urn:x:11","attributes":[{"id":"cbvmda:name","attribute":{"deep":[1,{"er":2}]}}]}`),
	}
	batch, err := wire.EncodeElementBatch(list)
	if err != nil {
		t.Fatal(err)
	}
	answers, stub := c.submit(t, "A", wire.FnRecordElements, batch)
	var have []string
	for _, a := range answers {
		have = append(have, a.Code)
	}
	want := []string{
		"", ledger.CodeTooLarge, ledger.CodeTooLarge, ledger.CodeTooLarge, ledger.CodeSchema, ledger.CodeSchema, ledger.CodeSchema,
		ledger.CodeSchema, ledger.CodeSchema, ledger.CodeMalformed, "",
	}
	if !slices.Equal(have, want) {
		t.Errorf("answers are %q, not %q", have, want)
	}
	if e := transaction(t, stub).Elements; len(e) != 2 || !bytes.Contains(e[1].Body, []byte("urn:x:11")) {
		t.Errorf("recorded %+v", e)
	}
	if _, err = wire.EncodeElementBatch(slices.Repeat(list[:1], ledger.MaxBatchElements+1)); err == nil {
		t.Error("too many elements are encoded")
	}
}

func TestADocumentWithTooManyElementsIsRefusedWithThePath(t *testing.T) {
	one := `{"id":"urn:x:1"},`
	text := masterDocument("", strings.TrimSuffix(strings.Repeat(one, wire.MaxDocumentElements+1), ","))
	doc, err := epcis.ReadHead(strings.NewReader(text), epcis.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = wire.DocumentElements(doc); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("vocabularyElementList[%d]", wire.MaxDocumentElements)) ||
		!strings.Contains(err.Error(), ledger.CodeTooLarge) {
		t.Errorf("refused with %v", err)
	}
}
