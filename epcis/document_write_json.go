package epcis

import (
	"bytes"
	"slices"
	"strings"
)

// creationDate gives the document's own or the one that stands in for it.
func (e *Encoder) creationDate() string {
	if e.doc.CreationDate.Text != "" {
		return e.doc.CreationDate.Text
	}
	return e.opt.CreationDate.Text
}

// The form JSON.

func (e *Encoder) jsonHead() ([]byte, error) {
	d := e.doc
	w := jsonWriter{b: make([]byte, 0, 512+len(d.Header))}
	w.begin('{')
	w.key("@context")
	if len(d.Context) > 0 {
		w.b = append(w.b, d.Context...)
	} else {
		w.b = appendString(w.b, DefaultContext)
	}
	w.str("id", d.ID)
	if e.query() {
		w.str("type", d.Type)
	} else {
		w.str("type", "EPCISDocument")
	}
	version := d.SchemaVersion
	if version != "2" && !strings.HasPrefix(version, "2.") && (version != "" || !e.query()) {
		version = "2.0"
	}
	w.str("schemaVersion", version)
	date := e.creationDate()
	if withoutOffset(date) {
		date += "Z" // JSON wants an offset; XML Schema's local time is taken for UTC
	}
	if date == "" && !e.query() {
		return nil, formFault("$.creationDate", "the document has no creationDate")
	}
	w.str("creationDate", date)
	if e.query() && (d.InstanceIdentifier != "" || d.Sender != "" || d.Receiver != "" || d.Header != nil) {
		return nil, formFault("$.epcisHeader", "a query document has no header in JSON")
	}
	w.str("instanceIdentifier", d.InstanceIdentifier)
	w.str("sender", d.Sender)
	w.str("receiver", d.Receiver)
	if d.Header != nil {
		w.key("epcisHeader")
		w.b = append(w.b, d.Header...)
	}
	e.jsonExtensions(&w, InDocument, true)
	w.key("epcisBody")
	w.begin('{')
	e.jsonExtensions(&w, InBody, true)
	if e.query() {
		w.key("queryResults")
		w.begin('{')
		w.key("queryName")
		w.b = appendString(w.b, d.QueryName)
		w.str("subscriptionID", d.SubscriptionID)
		e.jsonExtensions(&w, InQueryResults, true)
		w.key("resultsBody")
		w.begin('{')
		e.jsonExtensions(&w, InResultsBody, true)
	}
	w.key("eventList")
	w.begin('[')
	return w.b, nil
}

func (e *Encoder) jsonTail() []byte {
	w := jsonWriter{}
	if e.events > 0 {
		w.b = append(w.b, '\n')
	}
	w.end(']')
	if e.query() {
		if e.doc.Vocabulary != nil {
			w.key("vocabularyList")
			w.b = append(w.b, e.doc.Vocabulary...)
		}
		e.jsonExtensions(&w, InResultsBody, false)
		w.end('}')
		e.jsonExtensions(&w, InQueryResults, false)
		w.end('}')
	}
	e.jsonExtensions(&w, InBody, false)
	w.end('}')
	e.jsonExtensions(&w, InDocument, false)
	w.end('}')
	return append(w.b, '\n')
}

// jsonExtensions writes the document's own extensions of one place: those that must
// stand before the events, or the others.
func (e *Encoder) jsonExtensions(w *jsonWriter, place Place, before bool) {
	for i := range e.doc.Extensions {
		x := &e.doc.Extensions[i]
		if x.Place == place && (x.Local == ignoreFields) == before {
			one := e.ctx.renamed(x.Extension)
			w.extensions([]Extension{one})
		}
	}
}

// renamed spells the names of an extension so that they mean in c what they mean.
// Names that c would read otherwise become URIs.
func (c *Context) renamed(x Extension) Extension {
	if ns, local := c.name(x.Name); ns != x.Namespace || local != x.Local {
		x.Name = x.Namespace + x.Local
	}
	x.Value = c.renamedValue(x.Value)
	return x
}

func (c *Context) renamedValue(v Value) Value {
	v.Items, v.Members = slices.Clone(v.Items), slices.Clone(v.Members)
	for i := range v.Items {
		v.Items[i] = c.renamedValue(v.Items[i])
	}
	for _, x := range v.Members {
		if x.Name == contextMember && x.Namespace == "" {
			return v // it says itself what its names mean
		}
	}
	for i := range v.Members {
		v.Members[i] = c.renamed(v.Members[i])
	}
	return v
}

func (e *Encoder) jsonEvent(ev *Event) ([]byte, error) {
	if err := e.ignoredWithin(ev); err != nil {
		return nil, err
	}
	out := *ev
	if !e.reads(ev) {
		n := contextNeeds{ctx: e.ctx}
		if ev.Context != nil {
			var own tree
			root, fault, _ := parseJSON(string(ev.Context), DefaultLimits(), &own)
			if fault != nil {
				return nil, formFault(e.eventPath("$['@context']"), fault.Message)
			}
			d := decoder{t: &own, lim: DefaultLimits()}
			n.ctx = e.ctx.with(&d, root)
		}
		n.outer = ev.ctx
		n.event(&out)
		if n.failed != "" {
			return nil, formFault(e.eventPath("$"), "the name "+quote(n.failed)+" does not give its namespace")
		}
		out.Context = n.own(ev.Context)
	}
	b, err := out.MarshalJSON()
	if err != nil {
		return nil, err
	}
	text := make([]byte, 0, len(b)+2)
	if e.events > 0 {
		text = append(text, ',')
	}
	return append(append(text, '\n'), b...), nil
}

// reads tells whether an event's own context, or none, explains it in this document
// as it did where it was read.
func (e *Encoder) reads(ev *Event) bool {
	c := ev.ctx
	if c != nil && ev.Context != nil {
		c = c.outer
	}
	return c != nil && (c == e.ctx || bytes.Equal(c.raw, e.ctx.raw))
}
