package epcis

import (
	"slices"
	"strings"
)

// IdentifierKind names what a GS1 identifier identifies.
type IdentifierKind string

// The kinds of identifiers. Each is spelled as its EPC scheme, or as its key
// where there is no scheme.
const (
	KindOther IdentifierKind = ""
	KindSGTIN IdentifierKind = "sgtin" // one trade item
	KindLGTIN IdentifierKind = "lgtin" // a batch of a trade item
	KindGTIN  IdentifierKind = "gtin"  // a trade item, any of its instances
	KindUPUI  IdentifierKind = "upui"  // one item under tobacco rules
	KindITIP  IdentifierKind = "itip"  // a piece of a trade item
	KindSSCC  IdentifierKind = "sscc"  // a logistic unit
	KindSGLN  IdentifierKind = "sgln"  // a place
	KindPGLN  IdentifierKind = "pgln"  // a party
	KindGRAI  IdentifierKind = "grai"  // a returnable asset
	KindGIAI  IdentifierKind = "giai"  // an individual asset, such as a sensor
	KindGDTI  IdentifierKind = "gdti"  // a document
	KindGSRN  IdentifierKind = "gsrn"  // a service recipient
	KindGSRNP IdentifierKind = "gsrnp" // a service provider
	KindCPI   IdentifierKind = "cpi"   // a component or part
	KindSGCN  IdentifierKind = "sgcn"  // a coupon
	KindGINC  IdentifierKind = "ginc"  // a consignment
	KindGSIN  IdentifierKind = "gsin"  // a shipment
)

// Identifier is what a URI identifies by GS1's rules.
type Identifier struct {
	// Kind is KindOther for a URI that is no GS1 identifier.
	Kind IdentifierKind
	// Canonical is the GS1 Digital Link on https://id.gs1.org with the finest key
	// only, or the URI itself for KindOther.
	Canonical string
	// Class tells that it names a class of objects, not one object.
	Class bool
}

// ParseIdentifier reads an EPC URN (pure identity, class or pattern) or a GS1
// Digital Link. A URI of another sort is KindOther. The error, a Fault, tells
// that s is no URI, or an EPC URN of a GS1 scheme that breaks the scheme's rules.
func ParseIdentifier(s string) (Identifier, error) {
	b, kind, class := appendCanonical(make([]byte, 0, 64), s)
	if kind != KindOther {
		return Identifier{Kind: kind, Canonical: string(b), Class: class}, nil
	}
	if !isURI(s) {
		return Identifier{}, Fault{Code: CodeIdentifier, Message: quote(s) + " is not an absolute URI"}
	}
	if scheme, ok := gs1Scheme(s); ok {
		return Identifier{}, Fault{Code: CodeIdentifier, Message: quote(s) + " breaks the rules of the EPC scheme " + scheme}
	}
	return Identifier{Canonical: s}, nil
}

// CanonicalEPC gives the canonical form of an EPC URN or Digital Link:
// https://id.gs1.org with the finest key only. A URI that is no GS1 identifier is
// its own canonical form. The error, a Fault, is that of ParseIdentifier.
func CanonicalEPC(s string) (string, error) {
	id, err := ParseIdentifier(s)
	if err != nil {
		return "", err
	}
	return id.Canonical, nil
}

// KindOf tells what s identifies; KindOther if it is no GS1 identifier.
func KindOf(s string) IdentifierKind {
	var scratch [128]byte
	_, kind, _ := appendCanonical(scratch[:0], s)
	return kind
}

// VerifyCheckDigit reports a GS1 key with a wrong check digit as a Fault. EPC URNs
// carry no check digit and always pass, as do URIs that are no GS1 identifier.
func VerifyCheckDigit(s string) error {
	b, kind, _ := appendCanonical(nil, s)
	if kind == KindOther {
		return nil
	}
	c := string(b[len(canonicalDomain)+1:])
	slash := strings.IndexByte(c, '/')
	var digits int
	switch c[:slash] {
	case "01", "8003", "8006":
		digits = 14
	case "00", "8017", "8018":
		digits = 18
	case "402":
		digits = 17
	case "253", "255", "414", "417":
		digits = 13
	default:
		return nil
	}
	key := c[slash+1 : slash+1+digits]
	if want := checkDigit([]byte(key[:digits-1])); want != key[digits-1] {
		return Fault{Code: CodeCheckDigit, Message: "check digit of " + key + " should be " + string(rune(want))}
	}
	return nil
}

// checkDigit computes the check digit of a GS1 key.
// Source: GS1 General Specifications, section 7.9.1.
func checkDigit(key []byte) byte {
	sum, weight := 0, 3
	for _, k := range slices.Backward(key) {
		sum += weight * int(k-'0')
		weight = 4 - weight
	}
	return byte('0' + (10-sum%10)%10)
}

// appendCanonical appends the canonical Digital Link of s. Nothing is appended
// when s is no well-formed GS1 identifier.
func appendCanonical(b []byte, s string) ([]byte, IdentifierKind, bool) {
	switch {
	case hasScheme(s, "urn:epc:"):
		return appendURN(b, s[len("urn:epc:"):])
	case hasScheme(s, "https://"):
		return appendLink(b, s[len("https://"):])
	case hasScheme(s, "http://"):
		return appendLink(b, s[len("http://"):])
	}
	return b, KindOther, false
}

// hasScheme tells whether s begins with p, in small or capital letters: a scheme and the namespace of a URN
// are the same in either (RFC 3986, section 6.2.2.1; RFC 8141, section 3.1). QR codes hold capitals shorter.
func hasScheme(s, p string) bool {
	return hasPrefix(s, p) || len(s) >= len(p) && strings.EqualFold(s[:len(p)], p)
}

// urnPlain tells the characters that stand unescaped in an EPC URN.
func urnPlain(c byte) bool {
	switch c {
	case '!', '\'', '(', ')', '*', '+', ',', '-', '.', ':', ';', '=', '_':
		return true
	}
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// gs1Char tells GS1 AI encodable character set 82.
func gs1Char(c byte) bool {
	switch c {
	case '"', '%', '&', '/', '<', '>', '?':
		return true
	}
	return urnPlain(c)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
