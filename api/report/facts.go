package report

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

// event is a record that has been read.
type event struct {
	rec *Record
	*epcis.Event
	// unreadable says why the body could not be read; Event is then empty.
	unreadable error
}

// maxContexts bounds the JSON-LD contexts kept between events.
const maxContexts = 1_000

// reader reads records. It is not safe for concurrent use.
type reader struct{ contexts map[string]*epcis.Context }

func newReader() *reader { return &reader{contexts: map[string]*epcis.Context{}} }

func (r *reader) read(rec *Record) *event {
	c, ok := r.contexts[string(rec.Context)]
	if !ok {
		var err error
		if c, err = epcis.ParseContext(rec.Context); err != nil {
			return &event{rec: rec, Event: &epcis.Event{}, unreadable: err}
		}
		if len(r.contexts) >= maxContexts {
			clear(r.contexts)
		}
		r.contexts[string(rec.Context)] = c
	}
	ev, err := c.ParseEvent(rec.Body)
	if err != nil {
		return &event{rec: rec, Event: &epcis.Event{}, unreadable: err}
	}
	return &event{rec: rec, Event: ev}
}

// date is the calendar date of the event where it happened.
func (e *event) date() Value {
	at := e.EventTime.Instant.In(offset(e.EventTimeZoneOffset))
	return DateOf(at.Date())
}

// offset reads an EPCIS time zone offset such as -05:00; UTC if it is none.
func offset(s string) *time.Location {
	if len(s) != 6 || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return time.UTC
	}
	h, err := strconv.Atoi(s[1:3])
	m, err2 := strconv.Atoi(s[4:])
	if err != nil || err2 != nil {
		return time.UTC
	}
	seconds := (h*60 + m) * 60
	if s[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone(s, seconds)
}

// The namespaces whose fields are taken before those of others: the CBV's master data attributes, GS1's
// web vocabulary, GS1 US healthcare, the seafood dialogue's and FDA's.
func known(namespace string) bool {
	switch strings.TrimRight(namespace, "#/:") {
	case "urn:epcglobal:cbv:mda", "https://ref.gs1.org/cbv", "https://gs1.org/voc", "https://ref.gs1.org/voc",
		"http://epcis.gs1us.org/hc/ns", "https://traceability-dialogue.org/epcis", "https://traceability.fda.gov/epcis":
		return true
	}
	return false
}

// fact finds what an event says under one of the names, in its instance/lot master data first, then
// in its other extensions. A name in a known namespace goes before one in another.
func (e *event) fact(names ...string) string {
	for _, name := range names {
		for _, from := range [][]epcis.Extension{e.ILMD, e.Extensions} {
			if v := find(from, name, true, 0); v != "" {
				return v
			}
		}
	}
	for _, name := range names {
		for _, from := range [][]epcis.Extension{e.ILMD, e.Extensions} {
			if v := find(from, name, false, 0); v != "" {
				return v
			}
		}
	}
	return ""
}

// maxNesting bounds how deep a fact may lie in an extension.
const maxNesting = 4

func find(in []epcis.Extension, name string, knownOnly bool, depth int) string {
	for i := range in {
		x := &in[i]
		if x.Local == name && (!knownOnly || known(x.Namespace)) {
			if s := plain(&x.Value); s != "" {
				return s
			}
		}
	}
	if depth == maxNesting {
		return ""
	}
	for i := range in {
		v := &in[i].Value
		if s := find(v.Members, name, knownOnly, depth+1); s != "" {
			return s
		}
		for j := range v.Items {
			if s := find(v.Items[j].Members, name, knownOnly, depth+1); s != "" {
				return s
			}
		}
	}
	return ""
}

// plain is a value as text: the members of a list one after the other, nothing for an object.
func plain(v *epcis.Value) string {
	switch v.Kind {
	case epcis.KindString, epcis.KindNumber, epcis.KindBool:
		return strings.TrimSpace(v.Text)
	case epcis.KindArray:
		var parts []string
		for i := range v.Items {
			if s := plain(&v.Items[i]); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, "; ")
	case epcis.KindObject:
		for i := range v.Members { // {"@value": …}, {"@id": …}, {"id": …}
			if m := &v.Members[i]; m.Name == "@value" || m.Name == "@id" || m.Name == "id" {
				return plain(&m.Value)
			}
		}
	case epcis.KindNull:
	}
	return ""
}

// when reads a date as events write them: YYYY-MM-DD or YYMMDD, or a time whose date counts; text
// that is none of these stays text.
func when(s string) Value {
	if s == "" {
		return Value{}
	}
	if t, err := time.Parse(dateForm, s); err == nil {
		return DateOf(t.Date())
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return DateOf(t.Date())
	}
	if len(s) == 6 { // GS1 General Specifications, section 7.12: years from 50 back to 49 ahead of now
		if t, err := time.Parse("060102", s); err == nil {
			return DateOf(t.Date())
		}
	}
	return TextOf(s)
}

// expiry reads an expiry date. In YYMMDD, day 00 is the last of the month (GS1 General Specifications,
// section 3.4.7).
func expiry(s string) Value {
	if len(s) == 6 && strings.HasSuffix(s, "00") {
		if t, err := time.Parse("0601", s[:4]); err == nil {
			return DateOf(t.AddDate(0, 1, -1).Date())
		}
	}
	return when(s)
}

// identified is what a canonical identifier says of an object.
type identified struct {
	gtin, lot, serial string
	sscc, gln         string
}

func parts(canonical string) (id identified) {
	rest, ok := strings.CutPrefix(canonical, "https://id.gs1.org/")
	if !ok {
		return id
	}
	pieces := strings.Split(rest, "/")
	for i := 0; i+1 < len(pieces); i += 2 {
		value := pieces[i+1]
		if s, err := url.PathUnescape(value); err == nil {
			value = s
		}
		switch pieces[i] {
		case "01":
			id.gtin = value
		case "10":
			id.lot = value
		case "21":
			id.serial = value
		case "00":
			id.sscc = value
		case "414", "417":
			id.gln = value
		}
	}
	return id
}

// product is the canonical identifier of a trade item.
func product(gtin string) string { return "https://id.gs1.org/01/" + gtin }

// lotID is the canonical identifier of a batch or lot of a trade item; empty if there can be none.
func lotID(gtin, lot string) string {
	if gtin == "" || lot == "" {
		return ""
	}
	id, err := epcis.CanonicalEPC(product(gtin) + "/10/" + url.PathEscape(lot))
	if err != nil {
		return ""
	}
	return id
}

// SerialID is the canonical identifier of one instance of a trade item, from its GTIN (of 8, 12, 13 or
// 14 digits) and serial number. ErrArgument.
func SerialID(gtin, serial string) (string, error) {
	g, err := gtin14(gtin)
	if err != nil {
		return "", err
	}
	if serial == "" || len(serial) > 20 {
		return "", fmt.Errorf("%w: a serial number has 1 to 20 characters", ErrArgument)
	}
	return serialID(product(g) + "/21/" + url.PathEscape(serial))
}

func serialID(link string) (string, error) {
	id, err := epcis.ParseIdentifier(link)
	if err != nil || id.Kind != epcis.KindSGTIN || id.Class {
		return "", fmt.Errorf("%w: %q is not the identifier of one serialised product (SGTIN)", ErrArgument, link)
	}
	if err := epcis.VerifyCheckDigit(link); err != nil {
		return "", argument(err)
	}
	return id.Canonical, nil
}

// argument makes what is wrong with a document or identifier wrong with the request: its own code would
// tell of an event.
func argument(err error) error {
	if f, ok := errors.AsType[epcis.Fault](err); ok {
		return fmt.Errorf("%w: %s", ErrArgument, f.Message)
	}
	if fs, ok := errors.AsType[epcis.Faults](err); ok && len(fs) > 0 {
		return fmt.Errorf("%w: %s: %s", ErrArgument, fs[0].Path, fs[0].Message)
	}
	return fmt.Errorf("%w: %w", ErrArgument, err)
}

func gtin14(gtin string) (string, error) {
	switch len(gtin) {
	case 8, 12, 13, 14:
		return strings.Repeat("0", 14-len(gtin)) + gtin, nil
	}
	return "", fmt.Errorf("%w: a GTIN has 8, 12, 13 or 14 digits, not %d", ErrArgument, len(gtin))
}

// LotOf reads a batch or lot: an EPC URN or Digital Link of an LGTIN, or (01)GTIN(10)LOT, or another
// URI that names a class. ErrArgument.
func LotOf(s string) (string, error) {
	if rest, ok := strings.CutPrefix(s, "(01)"); ok {
		gtin, lot, ok := strings.Cut(rest, "(10)")
		if !ok || lot == "" {
			return "", fmt.Errorf("%w: %q has no (10) with the batch or lot", ErrArgument, s)
		}
		g, err := gtin14(gtin)
		if err != nil {
			return "", err
		}
		s = product(g) + "/10/" + url.PathEscape(lot)
	}
	id, err := epcis.ParseIdentifier(s)
	if err != nil {
		return "", argument(err)
	}
	if err := epcis.VerifyCheckDigit(s); err != nil {
		return "", argument(err)
	}
	if id.Kind != epcis.KindLGTIN && id.Kind != epcis.KindOther {
		return "", fmt.Errorf("%w: %q names no batch or lot (LGTIN)", ErrArgument, s)
	}
	return id.Canonical, nil
}

// documents gives the types and the numbers of the documents of an event.
func (e *event) documents() (types, numbers string) {
	var t, n []string
	for _, b := range e.BizTransactions {
		t = append(t, documentType(b.Type))
		n = append(n, documentNumber(b.ID))
	}
	return strings.Join(t, "; "), strings.Join(n, "; ")
}

// documentType says in words what CBV 2.0, section 7.3, abbreviates.
func documentType(s string) string {
	switch s {
	case "bol":
		return "bill of lading"
	case "cert":
		return "certificate"
	case "desadv":
		return "despatch advice (ASN)"
	case "inv":
		return "invoice"
	case "pedigree":
		return "pedigree"
	case "po":
		return "purchase order"
	case "poc":
		return "purchase order confirmation"
	case "prodorder":
		return "production order"
	case "recadv":
		return "receiving advice"
	case "rma":
		return "return authorisation"
	case "testprd":
		return "test procedure"
	case "testres":
		return "test result"
	case "upevt":
		return "upstream event"
	case "":
		return "document"
	}
	return s
}

// documentNumber is the number within urn:epcglobal:cbv:bt:GLN:number (CBV 2.0, section 8.5), or the
// whole identifier.
func documentNumber(id string) string {
	if rest, ok := strings.CutPrefix(id, "urn:epcglobal:cbv:bt:"); ok {
		if _, number, ok := strings.Cut(rest, ":"); ok && number != "" {
			if s, err := url.PathUnescape(number); err == nil {
				return s
			}
			return number
		}
	}
	return id
}

// party gives the first source or destination of a type, canonical; empty if there is none.
func party(of []epcis.Party, types ...string) string {
	for _, t := range types {
		for _, p := range of {
			if p.Type == t {
				return canonical(p.ID)
			}
		}
	}
	return ""
}

func canonical(s string) string {
	if s == "" {
		return ""
	}
	if id, err := epcis.CanonicalEPC(s); err == nil {
		return id
	}
	return s
}

func placeOf(l *epcis.Location) string {
	if l == nil {
		return ""
	}
	return canonical(l.ID)
}
