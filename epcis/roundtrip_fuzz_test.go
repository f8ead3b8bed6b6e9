package epcis_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/epcis"
)

// thereAndBack takes one valid event through a form and back and wants it unchanged. What
// the form cannot express must be refused with a code; then it gives false.
func thereAndBack(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, e *epcis.Event, context []byte, form epcis.Form,
) bool {
	t.Helper()
	head := &epcis.Document{Type: "EPCISDocument", Context: context, CreationDate: epcis.Time{Text: "2024-03-05T10:00:00Z"}}
	var out bytes.Buffer
	enc, err := epcis.NewEncoder(&out, head, epcis.WriteOptions{Form: form, Newer: true})
	if err == nil {
		err = enc.WriteEvent(e)
	}
	if err == nil {
		err = enc.Close()
	}
	var fs epcis.Faults
	if asFaults(err, &fs) {
		for _, f := range fs {
			if f.Code != epcis.CodeForm {
				t.Fatalf("%v", err)
			}
		}
		return false
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	doc, err := epcis.ParseDocument(out.Bytes(), epcis.Limits{MaxDepth: 200, MaxNodes: 1 << 20, MaxString: 1 << 20, MaxEventBytes: 1 << 24})
	if err != nil || len(doc.Events) != 1 || doc.Events[0].Err != nil {
		t.Fatalf("%v %v\n%s", err, doc.Err(), out.Bytes())
	}
	s := doc.Events[0]
	if s.Event.Hash() != e.Hash() {
		t.Fatalf("%v changes the hash\n%s\n%s\n%s", form, e.PreHash(), s.Event.PreHash(), out.Bytes())
	}
	if a, b := contentText(e), contentText(s.Event); a != b {
		t.Fatalf("%v changes the event\n%s\n%s\n%s", form, a, b, out.Bytes())
	}
	again, err := epcis.ParseEvent(s.Context, s.Raw)
	if err != nil || again.Hash() != e.Hash() {
		t.Fatalf("%v: the rendering is another event: %v\n%s", form, err, s.Raw)
	}
	return true
}

func contentText(e *epcis.Event) string {
	text, err := json.Marshal(contentOf(e))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func FuzzRoundTrip(f *testing.F) {
	for _, file := range seedFiles(f, "epcis/gs1/*", "epcis/openepcis/valid/*", "epcis/xml/*/*") {
		doc, err := epcis.ParseDocument(read(f, file), epcis.Limits{})
		if err != nil {
			continue
		}
		for _, s := range doc.Events {
			f.Add(s.Raw, uint8(s.Index))
		}
	}
	f.Add([]byte(plain), uint8(1))
	f.Add([]byte(event1k), uint8(2))
	f.Add([]byte(with(`"ilmd":{"ex:a":[1,[2,{"ex:b":null}],"\u00e9",[],[[]]],"ex:b":{},"ex:c":[7],"ex:d":[" x "]},"ex:1 2":{"#text":" 1.0 ","a":"b"},"https://x.example.com/y":{"":0,"@type":"z"}`)), uint8(1))
	f.Add([]byte(with(`"@context":{"p":"https://p.example.com/","gone":null},"p:x":"p:y","gone":1,"ex:n":{"@context":{"p":"q:"},"p:x":true}`)), uint8(1))
	f.Add([]byte(`{"type":"ex:Own","eventTime":"2024-03-05t09:00:00z","eventTimeZoneOffset":"+00:00","epcList":"odd","readPoint":{"id":"a:b","free":1}}`), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, form uint8) {
		e, err := epcis.ParseEvent([]byte(exampleContext), data)
		if err != nil {
			return
		}
		thereAndBack(t, e, []byte(exampleContext), epcis.Form(form%3))
		thereAndBack(t, e, nil, epcis.Form(form%3))
	})
}

func TestGeneratedEventsSurviveEveryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, v := event(t)
		e, err := epcis.ParseEvent([]byte(exampleContext), text(v))
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []epcis.Form{epcis.FormJSON, epcis.FormXML, epcis.FormXML12} {
			thereAndBack(t, e, []byte(exampleContext), form)
			thereAndBack(t, e, nil, form)
		}
	})
}

// wildName draws names that JSON allows and XML may not.
func wildName(t *rapid.T, top bool) string {
	names := []string{
		"ex:a", "ex:b", "other:a", "ex:1", "ex:a b", "ex:", "ex:_x0041_", "ex:ö", "ex:a/b", "ex:😀",
		"https://ns.example.com/epcis/a", "https://x.example.com/é#y", "urn:x:y", "undeclared:z", "rdfs:comment", "gs1:weight", "cbvmda:lotNumber",
	}
	if top {
		return rapid.SampledFrom(names[:4]).Draw(t, "name")
	}
	return rapid.SampledFrom(append(names, "a", "#text", "@type", "@id", "", "extension", "epcList", "xml", "xmlns", "_", "_x_", "#text2", "ex:#text")).Draw(t, "name")
}

func wildValue(t *rapid.T, depth int) any {
	switch k := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case k == 0:
		return nil
	case k == 1:
		return json.Number(rapid.SampledFrom([]string{"0", "-0", "1.50", "1E5", "1e+05", "1e-7", "123456789012345678901234567890"}).Draw(t, "number"))
	case k == 2:
		return rapid.Bool().Draw(t, "bool")
	case k <= 4 && depth > 0:
		out := make([]any, 0, 3)
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			out = append(out, wildValue(t, depth-1))
		}
		return out
	case k <= 6 && depth > 0:
		return wildMembers(t, depth-1, false)
	}
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", " ", "a", " a\tb\n", "true", "12", "1.50", "]]>", "<a/>&amp;", "\r\n", "ex:value", "other:value", "cbv:BizStep-shipping", "gs1:x", "\u0001", "\ufffe", "\"'", "é", "\u2028", "null", "https://a.b/c", "nope:x"}),
		rapid.String(),
	).Draw(t, "text")
}

func wildMembers(t *rapid.T, depth int, top bool) object {
	var out object
	seen := map[string]bool{}
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		name := wildName(t, top)
		if !seen[name] {
			seen[name] = true
			out = append(out, member{name, wildValue(t, depth)})
		}
	}
	if !top && rapid.IntRange(0, 9).Draw(t, "context") == 0 && !seen["@context"] {
		inner := object{{"ex", "https://inner.example.com/"}, {"in", "urn:in:"}}
		out = append(object{{"@context", inner}, {"in:x", "in:y"}}, out...)
	}
	return out
}

// Values that only JSON has, names that XML has not, contexts inside events: each
// comes back as it was, or is refused with a code.
func TestWildExtensionsSurviveEveryForm(t *testing.T) {
	refused, done := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		v, _ := event(t)
		top := wildMembers(t, 3, true)
		if rapid.Bool().Draw(t, "own") {
			v = append(object{{"@context", object{{"own", "https://own.example.com/#"}, {"ex", "urn:ex:"}}}}, v...)
			top = append(top, member{"own:z", "own:v"})
		}
		seen := map[string]bool{}
		for _, m := range v {
			seen[m.name] = true
		}
		for _, m := range top {
			if !seen[m.name] {
				v = append(v, m)
			}
		}
		if !seen["ilmd"] && (v[0].value == "TransformationEvent") {
			v = append(v, member{"ilmd", wildMembers(t, 3, true)})
		}
		e, err := epcis.ParseEvent([]byte(exampleContext), text(v))
		if err != nil {
			return
		}
		for _, form := range []epcis.Form{epcis.FormJSON, epcis.FormXML, epcis.FormXML12} {
			for _, context := range []string{exampleContext, "", `{"ex":"urn:other:","ns1":"urn:taken:"}`} {
				if thereAndBack(t, e, []byte(context), form) {
					done++
				} else {
					refused++
				}
			}
		}
	})
	if done < refused {
		t.Errorf("%d refused, only %d compared", refused, done)
	}
	t.Logf("%d compared, %d refused", done, refused)
}

// FuzzConvert takes whole documents of any form through another and back.
func FuzzConvert(f *testing.F) {
	for _, file := range seedFiles(f, "epcis/gs1/*", "epcis/openepcis/valid/*", "epcis/xml/*/*", "eventhash/*.xml", "eventhash/*.jsonld") {
		for form := range uint8(3) {
			f.Add(read(f, file), form)
		}
	}
	f.Add([]byte(`{`+head+`,"sender":"s",`+masterData+`,"ex:note":[{"ex:a":1}],"epcisBody":{"ex:inBody":null,"eventList":[`+plain+`]},"ex:late":"z"}`), uint8(1))
	lim := epcis.Limits{MaxBytes: 1 << 20, MaxEvents: 1000}
	wide := epcis.Limits{MaxDepth: 1000, MaxNodes: 1 << 20, MaxString: 1 << 22, MaxEventBytes: 1 << 24}
	f.Fuzz(func(t *testing.T, data []byte, form uint8) {
		before, err := epcis.ParseDocument(data, lim)
		if err != nil || before.Err() != nil {
			return
		}
		date := epcis.Time{Text: "2024-03-05T10:00:00Z"}
		var out bytes.Buffer
		if _, err = epcis.Convert(&out, bytes.NewReader(data), lim, epcis.WriteOptions{Form: epcis.Form(form % 3), Newer: true, CreationDate: date}); err != nil {
			for _, f := range faults(t, err) {
				if f.Code != epcis.CodeForm {
					t.Fatalf("%v", err)
				}
			}
			return
		}
		after, err := epcis.ParseDocument(out.Bytes(), wide)
		if err != nil || after.Err() != nil {
			t.Fatalf("%v %v\n%s", err, after.Err(), out.Bytes())
		}
		if before.Type == "" {
			before.Type = "EPCISDocument"
		}
		if before.CreationDate.Text == "" {
			before.CreationDate = date
		}
		for _, d := range []*epcis.Document{before, after} {
			// The letter case of times is XML's own, and an empty header is none.
			d.CreationDate.Text = strings.ToUpper(d.CreationDate.Text)
			if string(d.Header) == "{}" {
				d.Header = nil
			}
		}
		sameEvents(t, "", before, after)
		sameHead(t, "", before, after)
		if t.Failed() {
			t.Fatalf("%s", out.Bytes())
		}
	})
}
