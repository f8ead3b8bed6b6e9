package rest

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// The spellings of identifiers (GS1-EPC-Format).
const (
	FormatAny         = "No_Preference"
	FormatDigitalLink = "Always_GS1_Digital_Link"
	FormatURN         = "Always_EPC_URN"
	FormatOriginal    = "Never_Translates"
)

type media uint8

const (
	mediaNone media = iota
	mediaJSON
	mediaXML
)

// negotiate reads an Accept header (RFC 9110, section 12.5.1): JSON unless XML is
// wanted more.
func negotiate(accept string) media {
	if strings.TrimSpace(accept) == "" {
		return mediaJSON
	}
	best, bestQ := mediaNone, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		kind, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || q <= 0 {
				continue
			}
		}
		var m media
		switch kind {
		case "application/json", "application/ld+json", "application/problem+json", "application/*", "*/*":
			m = mediaJSON
		case "application/xml", "text/xml", "text/*", "application/problem+xml":
			m = mediaXML
		default:
			continue
		}
		if q > bestQ {
			best, bestQ = m, q
		}
	}
	return best
}

// jsonType gives the media type of an answer in JSON-LD: application/ld+json for who asks for that and
// does not want application/json as much, else the type that the OpenAPI document has.
func jsonType(r *http.Request) string {
	plain, linked := 0.0, 0.0
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		switch kind {
		case "application/json":
			plain = max(plain, q)
		case "application/ld+json":
			linked = max(linked, q)
		}
	}
	if linked > plain {
		return "application/ld+json"
	}
	return "application/json"
}

// wantsJSON reports whether a client takes JSON, for what exists in no other form.
func wantsJSON(r *http.Request) error {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(accept) == "" {
		return nil
	}
	for part := range strings.SplitSeq(accept, ",") {
		kind, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil || params["q"] == "0" {
			continue
		}
		switch kind {
		case "application/json", "application/ld+json", "application/problem+json", "application/*", "*/*":
			return nil
		}
	}
	return notAcceptable("this resource exists as application/json only")
}

// contentType reads the media type of a body.
func contentType(r *http.Request) media {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return mediaNone
	}
	switch kind {
	case "application/json", "application/ld+json":
		return mediaJSON
	case "application/xml", "text/xml":
		return mediaXML
	}
	return mediaNone
}

func unsupported(detail string) *problem {
	return newProblem(http.StatusUnsupportedMediaType, excMediaType, "Unsupported media type", detail)
}

// checkVersions refuses a client that wants, or sends, another version of EPCIS or CBV. XML is taken in the
// forms of 1.x too.
func checkVersions(r *http.Request) error {
	h := r.Header
	for _, v := range [...]struct{ name, have string }{{"GS1-EPCIS-Version", epcisVersion}, {"GS1-CBV-Version", cbvVersion}} {
		name, have := v.name, v.have
		text := strings.TrimSpace(h.Get(name))
		if text == "" {
			continue
		}
		if _, ok := compareVersions(text, have); !ok {
			return notAcceptable(name + " is no version")
		}
		major, rest, _ := strings.Cut(text, ".")
		minor, _, _ := strings.Cut(rest, ".")
		same := major == "2" && (minor == "" || minor == "0")
		earlier := r.Method == http.MethodPost && contentType(r) == mediaXML && major == "1"
		if !same && !earlier {
			return notAcceptable(name + " " + text + " is not spoken here; " + have + " is")
		}
	}
	for _, v := range []struct {
		name, have string
		refuse     func(order int) bool
	}{
		{"GS1-EPCIS-Min", epcisVersion, func(o int) bool { return o > 0 }},
		{"GS1-EPCIS-Max", epcisVersion, func(o int) bool { return o < 0 }},
		{"GS1-CBV-Min", cbvVersion, func(o int) bool { return o > 0 }},
		{"GS1-CBV-Max", cbvVersion, func(o int) bool { return o < 0 }},
	} {
		text := h.Get(v.name)
		if text == "" {
			continue
		}
		order, ok := compareVersions(text, v.have)
		if !ok {
			return notAcceptable(v.name + " is no version")
		}
		if v.refuse(order) {
			return notAcceptable(v.name + " " + text + " leaves out " + v.have)
		}
	}
	return nil
}

// compareVersions compares dotted numbers; missing parts are zero.
func compareVersions(a, b string) (int, bool) {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	const most = 8
	if len(as) > most {
		return 0, false
	}
	for i := range max(len(as), len(bs)) {
		var x, y uint64
		var err error
		if i < len(as) {
			if x, err = strconv.ParseUint(as[i], 10, 32); err != nil {
				return 0, false
			}
		}
		if i < len(bs) {
			if y, err = strconv.ParseUint(bs[i], 10, 32); err != nil {
				return 0, false
			}
		}
		switch {
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
	}
	return 0, true
}

// extensions reads GS1-Extensions: prefix=namespace, divided by commas.
func extensions(h http.Header) (*epcis.Context, error) {
	terms := map[string]string{}
	for _, value := range h.Values("GS1-Extensions") {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			prefix, ns, ok := strings.Cut(part, "=")
			if !ok || prefix == "" || ns == "" {
				return nil, invalid("GS1-Extensions is a list of prefix=namespace")
			}
			terms[prefix] = ns
		}
	}
	var b bytes.Buffer
	b.WriteString(`["` + epcis.DefaultContext + `",`)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(terms); err != nil {
		return nil, invalid("GS1-Extensions is not text")
	}
	b.WriteByte(']')
	c, err := epcis.ParseContext(b.Bytes())
	if err != nil {
		return nil, invalid("GS1-Extensions: " + err.Error())
	}
	return c, nil
}

// epcFormat settles the spelling of identifiers in an answer.
func (s *Server) epcFormat(asked string) (string, func(string) (string, error), error) {
	if asked == "" {
		asked = s.cfg.EPCFormat
	}
	switch asked {
	case FormatOriginal, FormatAny:
		return FormatOriginal, nil, nil
	case FormatDigitalLink:
		return FormatDigitalLink, digitalLink, nil
	case FormatURN:
		if s.cfg.URN != nil {
			return FormatURN, s.cfg.URN, nil
		}
		return "", nil, notAcceptable("identifiers are not translated to EPC URNs: a Digital Link does not tell the length of its company prefix")
	}
	return "", nil, notAcceptable("GS1-EPC-Format is none of the standard's")
}

// digitalLink spells an EPC URN as a Digital Link and leaves other identifiers
// alone; a Digital Link on another domain too.
func digitalLink(id string) (string, error) {
	if !strings.HasPrefix(id, "urn:epc:") {
		return id, nil
	}
	c, err := epcis.CanonicalEPC(id)
	if err != nil {
		return id, nil //nolint:nilerr // a malformed URN stays as it was sent
	}
	return c, nil
}

// The spellings of CBV values in XML (GS1-CBV-XML-Format).
const (
	wordsURN = "Always_URN"
	wordsWeb = "Always_Web_URI"
)

// xmlFormat settles the spelling of CBV values in XML: URNs unless web URIs are asked
// for. Events are kept as JSON-LD, where a CBV value is a bare word, which XML has not:
// the spelling that it came with in XML is not kept.
func xmlFormat(asked string) (string, error) {
	switch asked {
	case "", FormatAny, wordsURN:
		return wordsURN, nil
	case wordsWeb:
		return wordsWeb, nil
	case FormatOriginal:
		return "", notAcceptable("CBV values are kept as bare words, which XML has not; ask for " + wordsURN + " or " + wordsWeb)
	}
	return "", notAcceptable("GS1-CBV-XML-Format is none of the standard's")
}
