package epcis_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/racing"
)

// published gives every published document.
func published(tb testing.TB) []string {
	tb.Helper()
	return slices.Concat(corpus(tb, "epcis", "gs1", "*"), corpus(tb, "epcis", "openepcis", "valid", "*"),
		corpus(tb, "epcis", "xml", "2.0", "*"), corpus(tb, "epcis", "xml", "1.2", "*"),
		corpus(tb, "eventhash", "*.jsonld"), corpus(tb, "eventhash", "*.xml"))
}

func convert(tb testing.TB, data []byte, opt epcis.WriteOptions) ([]byte, error) {
	tb.Helper()
	var out bytes.Buffer
	_, err := epcis.Convert(&out, bytes.NewReader(data), epcis.Limits{}, opt)
	return out.Bytes(), err
}

func parse(tb testing.TB, data []byte) *epcis.Document {
	tb.Helper()
	doc, err := epcis.ParseDocument(data, epcis.Limits{})
	if err == nil {
		err = doc.Err()
	}
	if err != nil {
		tb.Fatalf("%v\n%s", err, data)
	}
	return doc
}

// contentOf is an event without what belongs to one syntax: the spelling of prefixes,
// contexts, the letter case of times, exponents, the order of members.
func contentOf(e *epcis.Event) map[string]any {
	c := *e
	c.Extensions = named(c.Extensions)
	c.ILMD = named(c.ILMD)
	if len(c.ILMD) == 0 {
		c.ILMD = nil
	}
	for _, l := range []**epcis.Location{&c.ReadPoint, &c.BizLocation} {
		if *l != nil {
			*l = &epcis.Location{ID: (*l).ID, Extensions: named((*l).Extensions)}
		}
	}
	if d := c.ErrorDeclaration; d != nil {
		one := *d
		one.DeclarationTime.Text = ""
		one.Extensions = named(one.Extensions)
		c.ErrorDeclaration = &one
	}
	c.EventTime.Text, c.RecordTime.Text = "", ""
	c.SensorElements = slices.Clone(c.SensorElements)
	for i := range c.SensorElements {
		s := &c.SensorElements[i]
		s.Extensions = named(s.Extensions)
		if s.Metadata != nil {
			m := *s.Metadata
			m.Extensions = named(m.Extensions)
			m.Time.Text, m.StartTime.Text, m.EndTime.Text = "", "", ""
			s.Metadata = &m
		}
		s.Reports = slices.Clone(s.Reports)
		for j := range s.Reports {
			s.Reports[j].Extensions = named(s.Reports[j].Extensions)
			s.Reports[j].Time.Text = ""
		}
	}
	for _, q := range []*[]epcis.Quantity{&c.Quantities, &c.ChildQuantities, &c.InputQuantities, &c.OutputQuantities} {
		*q = slices.Clone(*q)
		for i := range *q {
			(*q)[i].Quantity = decimal((*q)[i].Quantity)
		}
	}
	// The rest is compared field by field, the unexported ones left out.
	out := map[string]any{}
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && f.Name != "Context" {
			out[f.Name] = v.Field(i).Interface()
		}
	}
	return out
}

func decimal(n epcis.Number) epcis.Number {
	if strings.ContainsAny(string(n), "eE") {
		var f float64
		if json.Unmarshal([]byte(n), &f) == nil {
			text, err := json.Marshal(f)
			if err == nil {
				return epcis.Number(text)
			}
		}
	}
	return n
}

// named gives extensions by their expanded names, sorted.
func named(list []epcis.Extension) []epcis.Extension {
	out := make([]epcis.Extension, 0, len(list))
	for _, x := range list {
		if x.Name == "@context" {
			continue
		}
		x.Name = ""
		x.Value.Members = named(x.Value.Members)
		items := slices.Clone(x.Value.Items)
		for i := range items {
			one := named([]epcis.Extension{{Value: items[i]}})
			items[i] = one[0].Value
		}
		x.Value.Items = items
		if len(x.Value.Items) == 0 {
			x.Value.Items = nil
		}
		if len(x.Value.Members) == 0 {
			x.Value.Members = nil
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b epcis.Extension) int {
		return strings.Compare(a.Namespace+" "+a.Local, b.Namespace+" "+b.Local)
	})
	if len(out) == 0 {
		return nil
	}
	return out
}

// sameEvents compares the events of two documents by content and by hash.
func sameEvents(tb testing.TB, name string, a, b *epcis.Document) {
	tb.Helper()
	if len(a.Events) != len(b.Events) {
		tb.Errorf("%s: %d events become %d", name, len(a.Events), len(b.Events))
		return
	}
	for i := range a.Events {
		one, two := a.Events[i].Event, b.Events[i].Event
		if one.Hash() != two.Hash() {
			tb.Errorf("%s %d: hash\n%s\n%s", name, i, one.PreHash(), two.PreHash())
		}
		if x, y := contentOf(one), contentOf(two); !reflect.DeepEqual(x, y) {
			tb.Errorf("%s %d:\n%+v\n%+v", name, i, x, y)
		}
	}
}

// sameHead compares what stands outside the events.
func sameHead(tb testing.TB, name string, a, b *epcis.Document) {
	tb.Helper()
	type head struct {
		Type, ID, Date, QueryName, Subscription, Instance, Sender, Receiver string
	}
	of := func(d *epcis.Document) head {
		return head{d.Type, d.ID, d.CreationDate.Text, d.QueryName, d.SubscriptionID, d.InstanceIdentifier, d.Sender, d.Receiver}
	}
	if of(a) != of(b) {
		tb.Errorf("%s: %+v becomes %+v", name, of(a), of(b))
	}
	for _, pair := range [][2][]byte{{a.Header, b.Header}, {a.Vocabulary, b.Vocabulary}} {
		if !reflect.DeepEqual(value(tb, pair[0]), value(tb, pair[1])) {
			tb.Errorf("%s: header\n%s\n%s", name, pair[0], pair[1])
		}
	}
	own := func(d *epcis.Document) []epcis.Extension {
		var list []epcis.Extension
		for _, x := range d.Extensions {
			if x.Local == "ignoreFields" {
				// Its items are names, whose prefixes may be others; the hashes tell.
				x.Value.Items = make([]epcis.Value, len(x.Value.Items))
			}
			x.Local += string(rune('0' + x.Place))
			list = append(list, x.Extension)
		}
		return named(list)
	}
	if !reflect.DeepEqual(own(a), own(b)) {
		tb.Errorf("%s: extensions\n%+v\n%+v", name, own(a), own(b))
	}
}

func value(tb testing.TB, data []byte) any {
	tb.Helper()
	if data == nil {
		return nil
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		tb.Fatalf("%v: %s", err, data)
	}
	return v
}

func TestEveryPublishedDocumentSurvivesEveryForm(t *testing.T) {
	racing.Pure(t)
	documents := 0
	for _, file := range published(t) {
		data := read(t, file)
		name := filepath.Base(file)
		before, err := epcis.ParseDocument(data, epcis.Limits{})
		if err != nil || before.Err() != nil {
			t.Logf("%s is not valid: %v %v", name, err, before.Err())
			continue
		}
		documents++
		for _, way := range [][]epcis.Form{
			{epcis.FormJSON},
			{epcis.FormXML},
			{epcis.FormXML12},
			{epcis.FormXML, epcis.FormJSON},
			{epcis.FormJSON, epcis.FormXML},
			{epcis.FormXML12, epcis.FormJSON},
			{epcis.FormJSON, epcis.FormXML, epcis.FormXML12, epcis.FormXML, epcis.FormJSON},
		} {
			step := data
			at := name
			for _, form := range way {
				at += "→" + form.String()
				if step, err = convert(t, step, epcis.WriteOptions{Form: form, Newer: true}); err != nil {
					t.Fatalf("%s: %v", at, err)
				}
			}
			after := parse(t, step)
			sameEvents(t, at, before, after)
			sameHead(t, at, before, after)
			if t.Failed() {
				t.Fatalf("%s", step)
			}
		}
	}
	if documents < 100 {
		t.Errorf("only %d documents", documents)
	}
	t.Logf("%d documents", documents)
}

func TestWhat12CannotExpressIsAFaultByField(t *testing.T) {
	found := map[string]bool{}
	for _, file := range published(t) {
		doc, err := epcis.ParseDocument(read(t, file), epcis.Limits{})
		if err != nil || doc.Err() != nil {
			continue
		}
		var out bytes.Buffer
		enc, err := epcis.NewEncoder(&out, doc, epcis.WriteOptions{Form: epcis.FormXML12})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		written := 0
		for _, s := range doc.Events {
			e := s.Event
			newer := e.Type == epcis.AssociationEvent || e.SensorElements != nil || e.PersistentDisposition != nil || e.CertificationInfo != nil
			err := enc.WriteEvent(e)
			if newer != (err != nil) {
				t.Errorf("%s %s: %v", file, s.Path, err)
			}
			if err == nil {
				written++
				continue
			}
			for _, f := range faults(t, err) {
				if f.Code != epcis.CodeForm {
					t.Errorf("%v", f)
				}
				found[f.Path[strings.LastIndexByte(f.Path, '.'):]] = true
			}
		}
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
		if n := len(parse(t, out.Bytes()).Events); n != written {
			t.Errorf("%s: %d events written, %d read", file, written, n)
		}
	}
	for _, field := range []string{".type", ".sensorElementList", ".persistentDisposition", ".certificationInfo"} {
		if !found[field] {
			t.Errorf("no fault at %s: %v", field, found)
		}
	}
}

func TestWrittenJSONIsValidByTheSchema(t *testing.T) {
	schema := gs1Schema(t)
	valid := 0
	for _, file := range published(t) {
		doc, err := epcis.ParseDocument(read(t, file), epcis.Limits{})
		if err != nil || doc.Err() != nil {
			continue
		}
		// The draft schema has persistentDisposition on two types of event only.
		if slices.ContainsFunc(doc.Events, func(s epcis.Source) bool { return s.Event.PersistentDisposition != nil }) {
			continue
		}
		out, err := convert(t, read(t, file), epcis.WriteOptions{Form: epcis.FormJSON})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(file), err, out)
		}
		valid++
	}
	if valid < 90 {
		t.Errorf("only %d documents", valid)
	}
}
