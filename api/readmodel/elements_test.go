package readmodel

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

const testLocations = "urn:epcglobal:epcis:vtype:Location"

// said is a statement of an organisation.
func said(tb interface{ Fatal(...any) }, mspID, id string, statedAt ledger.Millis, inForce bool, attributes map[string]string, children ...string) wire.RecordedElement {
	var list []string
	for name, value := range attributes {
		list = append(list, fmt.Sprintf(`{"id":%q,"attribute":%q}`, name, value))
	}
	slices.Sort(list)
	element := fmt.Sprintf(`{"id":%q,"attributes":[%s]`, id, strings.Join(list, ","))
	if len(children) > 0 {
		element += `,"children":["` + strings.Join(children, `","`) + `"]`
	}
	text, err := ledger.ElementText(testLocations, []byte(element+"}"), statedAt)
	if err != nil {
		tb.Fatal(err)
	}
	contextText := []byte(`["` + epcis.DefaultContext + `",{"ex":"https://example.com/ns/"}]`)
	within, err := epcis.ParseContext(contextText)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := ledger.ReadElement(within, contextText, text)
	if err != nil {
		tb.Fatal(err)
	}
	d := ledger.DecideElement(e, ledger.ElementView{}, ledger.Tx{ID: "t", Time: 1 << 40, Actor: ledger.Actor{MSPID: mspID}})
	return wire.RecordedElement{Record: d.Record, Context: contextText, Body: text, InForce: inForce}
}

// asked gives the EPCs of the events that a query finds.
func asked(tb testing.TB, s *Store, parameters string) string {
	tb.Helper()
	values, err := url.ParseQuery(parameters)
	if err != nil {
		tb.Fatal(err)
	}
	context, err := epcis.ParseContext([]byte(`["` + epcis.DefaultContext + `",{"ex":"https://example.com/ns/"}]`))
	if err != nil {
		tb.Fatal(err)
	}
	q, err := query.ParseValues(values, context)
	if err != nil {
		tb.Fatal(err)
	}
	var found []string
	for cursor := ""; ; {
		page, err := s.Select(tb.Context(), q, nil, cursor, 2)
		if err != nil {
			tb.Fatal(err)
		}
		for _, e := range page.Entries {
			found = append(found, strings.TrimPrefix(e.Event.EPCs[0], "urn:x:"))
			if knows := s.Vocabulary(); !q.MatchesWith(e.filled(), knows) {
				tb.Errorf("%s: what Select finds, a standing query does not", parameters)
			}
		}
		if cursor = page.Next; cursor == "" {
			slices.Sort(found)
			return strings.Join(found, " ")
		}
	}
}

const (
	siteA = "https://id.gs1.org/414/9521321000018"
	siteB = "https://id.gs1.org/414/9521321000025"
)

func elementsChain(tb interface{ Fatal(...any) }) *chain {
	c := newChain(1)
	at := func(n int, epc, readPoint, bizLocation string) wire.RecordedEvent {
		body := fmt.Sprintf(`{"type":"ObjectEvent","action":"OBSERVE","eventTime":"2024-01-0%dT00:00:00Z","eventTimeZoneOffset":"+00:00","epcList":["urn:x:%s"],"readPoint":{"id":%q},"bizLocation":{"id":%q}}`, n, epc, readPoint, bizLocation)
		return recorded(tb, body)
	}
	c.add(tx("t1", wire.Transaction{Events: []wire.RecordedEvent{
		at(1, "gate", siteA+"/254/gate", siteA), at(2, "dock", siteA+"/254/dock", siteA), at(3, "a", siteA, siteA), at(4, "b", "urn:epc:id:sgln:9521321.00002.0", siteB), at(5, "none", "urn:x:place", "urn:x:place"),
	}}))
	c.add(tx("t2", wire.Transaction{Elements: []wire.RecordedElement{
		said(tb, "A", siteA, 10, true, map[string]string{"cbvmda:name": "Plant", "ex:zone": "north"}, siteA+"/254/gate"),
		said(tb, "A", siteA+"/254/gate", 10, true, map[string]string{"cbvmda:sst": "1"}, siteA+"/254/dock"),
		said(tb, "A", siteA+"/254/dock", 10, true, map[string]string{"cbvmda:sst": "2"}, siteA), // a circle
		said(tb, "A", siteB, 10, true, map[string]string{"ex:zone": "south"}),
		said(tb, "B", siteB, 10, true, map[string]string{"ex:zone": "west"}, siteA+"/254/dock"),
	}}))
	return c
}

func TestQueriesKnowWhatOrganisationsStateOfElements(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		c := elementsChain(t)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		for parameters, want := range map[string]string{
			"WD_readPoint=" + siteA:                                  "a dock gate",
			"WD_readPoint=" + siteA + "/254/gate":                    "a dock gate",
			"WD_readPoint=" + siteB:                                  "a b dock gate",
			"WD_bizLocation=urn:epc:id:sgln:9521321.00001.0":         "a dock gate",
			"WD_readPoint=urn:x:place":                               "none",
			"HASATTR_readPoint=cbvmda:sst":                           "dock gate",
			"HASATTR_bizLocation=urn:epcglobal:cbv:mda%23name":       "a dock gate",
			"HASATTR_readPoint=ex:nothing":                           "",
			"EQATTR_readPoint_cbvmda:sst=2":                          "dock",
			"EQATTR_readPoint_cbvmda:sst=2|1":                        "dock gate",
			"EQATTR_bizLocation_ex:zone=south":                       "b",
			"EQATTR_bizLocation_ex:zone=west":                        "b",
			"EQATTR_bizLocation_ex:zone=west&WD_readPoint=" + siteA:  "",
			"EQATTR_bizLocation_ex:zone=north&WD_readPoint=" + siteB: "a dock gate",
			"HASATTR_bizLocation=ex:zone&EQ_bizLocation=urn:x:place": "",
		} {
			if have := asked(t, s, strings.ReplaceAll(parameters, "|", "%7C")); have != want {
				t.Errorf("%s finds %q, not %q", parameters, have, want)
			}
		}

		// Who holds the prefix speaks alone of what bears it, once it has said something.
		next := []Block{c.add(tx("t3", wire.Transaction{Master: []ledger.MasterDatum{{Version: 1, Prefix: &ledger.Prefix{Prefix: "9521321"}, Owner: "B"}}}))}
		// A's words are replaced, but for an older one that comes late.
		next = append(next, c.add(tx("t4", wire.Transaction{Elements: []wire.RecordedElement{
			said(t, "A", siteA, 20, true, map[string]string{"cbvmda:name": "Plant, renamed"}),
			said(t, "A", siteA, 5, false, map[string]string{"cbvmda:name": "Works"}),
		}, Master: []ledger.MasterDatum{{Version: 1, Place: &ledger.Place{ID: "urn:x:place", Name: "Yard", Position: &ledger.LatLon{Lat: 1_500_000}}, Owner: "B"}}})))
		if err := s.Apply(t.Context(), next...); err != nil {
			t.Fatal(err)
		}
		for parameters, want := range map[string]string{
			"EQATTR_bizLocation_ex:zone=south":                "",
			"EQATTR_bizLocation_ex:zone=west":                 "b",
			"EQATTR_bizLocation_cbvmda:name=Plant":            "",
			"EQATTR_bizLocation_cbvmda:name=Works":            "",
			"EQATTR_bizLocation_cbvmda:name=Plant,%20renamed": "a dock gate",
			"WD_readPoint=" + siteA:                           "a",
			"EQATTR_readPoint_cbvmda:name=Yard":               "none",
			"EQATTR_readPoint_cbvmda:latitude=1.500000":       "none",
			"HASATTR_readPoint=cbvmda:name":                   "a none",
		} {
			if have := asked(t, s, parameters); have != want {
				t.Errorf("then %s finds %q, not %q", parameters, have, want)
			}
		}

		all, err := s.Elements(t.Context(), ElementFilter{All: true}, ElementKey{}, 100)
		if err != nil || len(all) != 7 {
			t.Fatalf("%d statements, %v", len(all), err)
		}
		var paged []Element
		for after := (ElementKey{}); ; after = paged[len(paged)-1].Key {
			page, err := s.Elements(t.Context(), ElementFilter{All: true}, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if paged = append(paged, page...); len(page) < 2 {
				break
			}
		}
		if fmt.Sprint(paged) != fmt.Sprint(all) {
			t.Errorf("pages give %v, not %v", paged, all)
		}
		force, err := s.Elements(t.Context(), ElementFilter{ID: siteA, MSPID: "A", Type: testLocations}, ElementKey{}, 100)
		if err != nil || len(force) != 1 || !force[0].InForce || !strings.Contains(string(force[0].Body), "renamed") {
			t.Errorf("in force is %v, %v", force, err)
		}
		about, err := s.Reports().Describe(t.Context(), siteA)
		if err != nil || about["name"] != "Plant, renamed" {
			t.Errorf("described is %v, %v", about, err)
		}
		if about, err = s.Reports().Describe(t.Context(), "urn:x:place"); err != nil || about["name"] != "Yard" || about["latitude"] != "1.500000" {
			t.Errorf("described is %v, %v", about, err)
		}

		// Taken in one by one or together, the store is the same.
		other := k.open(t)
		for _, b := range c.all() {
			if err := other.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		if dumped(t, s) != dumped(t, other) {
			t.Error("the store depends on how blocks came in")
		}
	})
}
