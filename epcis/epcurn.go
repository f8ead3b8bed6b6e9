package epcis

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// CodeCompanyPrefix marks a GS1 key whose company prefix length is not known, without
// which it has no EPC URN.
const CodeCompanyPrefix = "WB_EPCIS_COMPANY_PREFIX"

// EPCURN gives the EPC URN of a GS1 Digital Link, of a class or of one object, when
// the GS1 company prefix in it has companyPrefix digits, 6 to 12. What is an EPC URN
// already stays as it is, but for small letters in urn:epc:. CanonicalEPC is the way back.
//
// The error is a Fault: CodeCompanyPrefix for another length, CodeCheckDigit for a
// check digit that a URN, which has none, could not keep, CodeIdentifier for what is no
// GS1 identifier or, as a piece of a trade item by its batch, has no URN.
//
// Source: EPC Tag Data Standard 2.0, section 6.
func EPCURN(s string, companyPrefix int) (string, error) {
	id, err := ParseIdentifier(s)
	if err != nil {
		return "", err
	}
	if id.Kind == KindOther {
		return "", Fault{Code: CodeIdentifier, Message: quote(s) + " is no GS1 identifier"}
	}
	if hasPrefix(s, "urn:") {
		return s, nil
	}
	if hasScheme(s, "urn:epc:") {
		return "urn:epc:" + s[len("urn:epc:"):], nil
	}
	if companyPrefix < 6 || companyPrefix > 12 {
		return "", Fault{Code: CodeCompanyPrefix, Message: "the company prefix of " + quote(s) + " has 6 to 12 digits, not " + strconv.Itoa(companyPrefix)}
	}
	if err := VerifyCheckDigit(s); err != nil {
		return "", err
	}
	urn := urnOf(id, companyPrefix)
	if back, err := CanonicalEPC(urn); urn == "" || err != nil || back != id.Canonical {
		return "", Fault{Code: CodeIdentifier, Message: quote(s) + " has no EPC URN with a company prefix of " + strconv.Itoa(companyPrefix) + " digits"}
	}
	return urn, nil
}

// urnOf writes the URN of a canonical Digital Link, whose form is known.
func urnOf(id Identifier, n int) string {
	ai, rest, _ := strings.Cut(strings.TrimPrefix(id.Canonical, canonicalDomain+"/"), "/")
	value, rest, _ := strings.Cut(rest, "/")
	qualifier, tail, _ := strings.Cut(rest, "/")
	tail = urnText(tail)
	instance := func(scheme IdentifierKind, body string) string { return "urn:epc:id:" + string(scheme) + ":" + body }
	pattern := func(scheme IdentifierKind, body string) string {
		return "urn:epc:idpat:" + string(scheme) + ":" + body + ".*"
	}
	// key splits the first digits of a key at the company prefix; the check digit goes.
	key := func(digits int) string {
		if n >= digits {
			return value[:digits-1] + "."
		}
		return value[:n] + "." + value[n:digits-1]
	}
	// serialized is a key with a serial in the same application identifier.
	serialized := func(scheme IdentifierKind, digits int) string {
		if id.Class {
			return pattern(scheme, key(digits))
		}
		return instance(scheme, key(digits)+"."+urnText(value[digits:]))
	}
	// leading moves the digit before the company prefix behind it.
	leading := func(digits int) string {
		return value[1:1+n] + "." + value[:1] + value[1+n:digits-1]
	}
	switch ai {
	case "01":
		switch qualifier {
		case "21":
			return instance(KindSGTIN, leading(14)+"."+tail)
		case "235":
			return instance(KindUPUI, leading(14)+"."+tail)
		case "10":
			return "urn:epc:class:lgtin:" + leading(14) + "." + tail
		}
		return pattern(KindSGTIN, leading(14))
	case "8006":
		piece := leading(14) + "." + value[14:16] + "." + value[16:18]
		switch qualifier {
		case "21":
			return instance(KindITIP, piece+"."+tail)
		case "":
			return pattern(KindITIP, piece)
		}
		return ""
	case "00":
		return instance(KindSSCC, leading(18))
	case "414":
		return instance(KindSGLN, key(13)+"."+cmp.Or(tail, "0"))
	case "417":
		return instance(KindPGLN, key(13))
	case "8003":
		value = value[1:]
		return serialized(KindGRAI, 13)
	case "253":
		return serialized(KindGDTI, 13)
	case "255":
		return serialized(KindSGCN, 13)
	case "8018":
		return instance(KindGSRN, key(18))
	case "8017":
		return instance(KindGSRNP, key(18))
	case "402":
		return instance(KindGSIN, key(17))
	}
	value = urnText(value)
	if len(value) < n || !isDigits(value[:n]) {
		return ""
	}
	body := value[:n] + "." + value[n:]
	switch ai {
	case "8004":
		return instance(KindGIAI, body)
	case "401":
		return instance(KindGINC, body)
	case "8010":
		if qualifier == "" {
			return pattern(KindCPI, body)
		}
		return instance(KindCPI, body+"."+tail)
	}
	return ""
}

// urnText spells the text of a Digital Link's path as a URN does.
func urnText(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			c = hexByte(hexValue(s[i+1]), hexValue(s[i+2]))
			i += 2
		}
		if urnPlain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// CompanyPrefixes are GS1 company prefixes that are known, such as those of oneself
// and one's partners: they tell where in a key the prefix ends. Their methods fit
// WriteOptions.Identifier.
type CompanyPrefixes []string

// ParseCompanyPrefixes checks GS1 company prefixes. The error is a Fault.
func ParseCompanyPrefixes(list []string) (CompanyPrefixes, error) {
	for _, p := range list {
		if len(p) < 6 || len(p) > 12 || !isDigits(p) {
			return nil, Fault{Code: CodeCompanyPrefix, Message: quote(p) + " is not a GS1 company prefix of 6 to 12 digits"}
		}
	}
	return slices.Clone(list), nil
}

// URN gives the EPC URN of a Digital Link whose company prefix is one of p, the longest
// that fits. URIs that are no GS1 identifiers stay as they are. The error is a Fault;
// it has CodeCompanyPrefix when no prefix fits.
func (p CompanyPrefixes) URN(s string) (string, error) {
	id, err := ParseIdentifier(s)
	if err != nil || id.Kind == KindOther || hasPrefix(s, "urn:") {
		return s, nil //nolint:nilerr // the event was valid with it, and stays so
	}
	if hasScheme(s, "urn:epc:") {
		return EPCURN(s, 0)
	}
	ai, value, _ := strings.Cut(strings.TrimPrefix(id.Canonical, canonicalDomain+"/"), "/")
	switch ai {
	case "01", "00", "8003", "8006":
		value = value[1:] // a digit stands before the company prefix
	}
	best := ""
	for _, prefix := range p {
		if strings.HasPrefix(value, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best == "" {
		return "", Fault{Code: CodeCompanyPrefix, Message: "the length of the company prefix in " + quote(s) + " is not known"}
	}
	return EPCURN(s, len(best))
}

// DigitalLink gives the canonical Digital Link of an EPC URN; other URIs stay as they
// are. It fits WriteOptions.Identifier; the error is always nil.
func DigitalLink(s string) (string, error) {
	if !hasScheme(s, "urn:epc:") {
		return s, nil
	}
	id, err := ParseIdentifier(s)
	if err != nil {
		return s, nil //nolint:nilerr // the event was valid with it, and stays so
	}
	return id.Canonical, nil
}
