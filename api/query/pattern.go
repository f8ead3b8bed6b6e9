package query

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// Pattern is what a MATCH parameter looks for: one identifier, or with a pure
// identity pattern (urn:epc:idpat:…) a set of them. A Digital Link of a class in
// a MATCH parameter stands for the pattern of that class.
type Pattern struct {
	// Exact is the canonical form of the identifier, as CanonicalID gives it; empty
	// when there is none.
	Exact string
	// Prefixes are beginnings of canonical identifiers. An identifier that is longer
	// than one of them and begins with it matches when it is of one of the Kinds.
	Prefixes []string
	Kinds    []epcis.IdentifierKind
}

// Matches reports whether an identifier in canonical form matches.
func (p Pattern) Matches(canonical string) bool {
	if p.Exact != "" && canonical == p.Exact {
		return true
	}
	for _, prefix := range p.Prefixes {
		if len(canonical) > len(prefix) && strings.HasPrefix(canonical, prefix) {
			return slices.Contains(p.Kinds, epcis.KindOf(canonical))
		}
	}
	return false
}

// CanonicalID gives the form in which identifiers compare: the canonical Digital
// Link, or the identifier itself when it is no well-formed GS1 identifier.
func CanonicalID(s string) string {
	if c, err := epcis.CanonicalEPC(s); err == nil {
		return c
	}
	return s
}

const (
	linkDomain    = "https://id.gs1.org"
	patternPrefix = "urn:epc:idpat:"
)

// parsePattern reads the value of a MATCH parameter, which is a URI.
func parsePattern(s string) (Pattern, bool) {
	body, ok := strings.CutPrefix(s, patternPrefix)
	if !ok {
		id, err := epcis.ParseIdentifier(s)
		if err != nil {
			return Pattern{Exact: s}, true
		}
		p := Pattern{Exact: id.Canonical}
		if id.Class {
			p.Prefixes, p.Kinds = instancesOf(id)
		}
		return p, true
	}
	scheme, fields, ok := strings.Cut(body, ":")
	if !ok || fields == "" {
		return Pattern{}, false
	}
	return idPattern(scheme, fields)
}

// instancesOf gives what the identifiers of a class's instances begin with.
func instancesOf(id epcis.Identifier) ([]string, []epcis.IdentifierKind) {
	switch id.Kind {
	case epcis.KindGTIN:
		return []string{id.Canonical + "/21/"}, []epcis.IdentifierKind{epcis.KindSGTIN}
	case epcis.KindITIP:
		return []string{id.Canonical + "/21/"}, []epcis.IdentifierKind{epcis.KindITIP}
	case epcis.KindCPI:
		return []string{id.Canonical + "/8011/"}, []epcis.IdentifierKind{epcis.KindCPI}
	case epcis.KindGRAI, epcis.KindGDTI, epcis.KindSGCN:
		return []string{id.Canonical}, []epcis.IdentifierKind{id.Kind}
	default:
		return nil, nil
	}
}

// idPattern reads what follows urn:epc:idpat:. Wildcards stand at the end only.
// Source: EPC Tag Data Standard 2.0, section 8. GS1 company prefixes are such that
// none begins another, so that the digits of a key tell its company.
func idPattern(scheme, fields string) (Pattern, bool) {
	want, known := map[string]int{
		"sgtin": 3, "upui": 3, "lgtin": 3, "itip": 5, "sscc": 2, "sgln": 3, "pgln": 2, "grai": 3, "giai": 2,
		"gdti": 3, "gsrn": 2, "gsrnp": 2, "cpi": 3, "sgcn": 3, "ginc": 2, "gsin": 2,
	}[scheme]
	parts := strings.Split(fields, ".")
	open := 0
	for open < len(parts) && parts[len(parts)-1-open] == "*" {
		open++
	}
	fixed := parts[:len(parts)-open]
	for _, f := range fixed {
		if f == "" || strings.ContainsAny(f, "*[]") {
			return Pattern{}, false
		}
	}
	if open == 0 { // names one object
		return Pattern{Exact: CanonicalID("urn:epc:id:" + scheme + ":" + fields)}, true
	}
	if !known { // a scheme without GS1 keys compares as a URN
		p := Pattern{Exact: patternPrefix + scheme + ":" + fields, Kinds: []epcis.IdentifierKind{epcis.KindOther}}
		p.Prefixes = []string{"urn:epc:id:" + scheme + ":" + strings.Join(append(fixed, ""), ".")}
		return p, true
	}
	if len(parts) != want {
		return Pattern{}, false
	}
	if len(fixed) == 0 {
		return companyPattern(scheme, "")
	}
	company := fixed[0]
	if len(company) < 6 || len(company) > 12 || strings.Trim(company, "0123456789") != "" {
		return Pattern{}, false
	}
	if len(fixed) == 1 {
		return companyPattern(scheme, company)
	}
	return classPattern(scheme, company, fixed[1], fixed)
}

// companyPattern covers all keys of a company, or of every company.
func companyPattern(scheme, company string) (Pattern, bool) {
	kind := epcis.IdentifierKind(scheme)
	kinds := []epcis.IdentifierKind{kind}
	var ai string
	indicator := false
	switch kind {
	case epcis.KindSGTIN:
		ai, indicator, kinds = "/01/", true, []epcis.IdentifierKind{kind, epcis.KindGTIN}
	case epcis.KindUPUI, epcis.KindLGTIN:
		ai, indicator = "/01/", true
	case epcis.KindITIP:
		ai, indicator = "/8006/", true
	case epcis.KindSSCC:
		ai, indicator = "/00/", true
	case epcis.KindSGLN:
		ai = "/414/"
	case epcis.KindPGLN:
		ai = "/417/"
	case epcis.KindGRAI:
		ai = "/8003/0"
	case epcis.KindGIAI:
		ai = "/8004/"
	case epcis.KindGDTI:
		ai = "/253/"
	case epcis.KindGSRN:
		ai = "/8018/"
	case epcis.KindGSRNP:
		ai = "/8017/"
	case epcis.KindCPI:
		ai = "/8010/"
	case epcis.KindSGCN:
		ai = "/255/"
	case epcis.KindGINC:
		ai = "/401/"
	case epcis.KindGSIN:
		ai = "/402/"
	default:
		return Pattern{}, false
	}
	p := Pattern{Kinds: kinds}
	if !indicator || company == "" {
		p.Prefixes = []string{linkDomain + ai + company}
		return p, true
	}
	// The first digit of the key stands before the company prefix.
	for digit := '0'; digit <= '9'; digit++ {
		p.Prefixes = append(p.Prefixes, linkDomain+ai+string(digit)+company)
	}
	return p, true
}

// classPattern covers the instances of one class: the serial is open.
func classPattern(scheme, company, reference string, fixed []string) (Pattern, bool) {
	kind := epcis.IdentifierKind(scheme)
	key := company + "." + reference
	switch kind {
	case epcis.KindSGTIN:
		return patternOf(patternPrefix+"sgtin:"+key+".*", "/21/", epcis.KindSGTIN)
	case epcis.KindUPUI:
		return lotPattern(key, "/235/", kind)
	case epcis.KindLGTIN:
		return lotPattern(key, "/10/", kind)
	case epcis.KindITIP:
		switch len(fixed) {
		case 4:
			return patternOf(patternPrefix+"itip:"+strings.Join(fixed, ".")+".*", "/21/", kind)
		case 3:
			p, ok := lotPattern(key, "", kind)
			if !ok || len(fixed[2]) != 2 {
				return Pattern{}, false
			}
			p.Prefixes[0] = strings.Replace(p.Prefixes[0], "/01/", "/8006/", 1) + fixed[2]
			return p, true
		default:
			p, ok := lotPattern(key, "", kind)
			if ok {
				p.Prefixes[0] = strings.Replace(p.Prefixes[0], "/01/", "/8006/", 1)
			}
			return p, ok
		}
	case epcis.KindSGLN:
		return patternOf("urn:epc:id:sgln:"+key+".0", "/254/", kind)
	case epcis.KindGRAI, epcis.KindGDTI, epcis.KindSGCN:
		return patternOf(patternPrefix+scheme+":"+key+".*", "", kind)
	case epcis.KindCPI:
		return patternOf(patternPrefix+"cpi:"+key+".*", "/8011/", kind)
	default:
		return Pattern{}, false
	}
}

// patternOf builds a pattern on the canonical form of a class or of a key without
// its extension.
func patternOf(urn, after string, kind epcis.IdentifierKind) (Pattern, bool) {
	id, err := epcis.ParseIdentifier(urn)
	if err != nil || id.Kind == epcis.KindOther {
		return Pattern{}, false
	}
	return Pattern{Exact: id.Canonical, Prefixes: []string{id.Canonical + after}, Kinds: []epcis.IdentifierKind{kind}}, true
}

// lotPattern is a pattern below a GTIN that does not cover the GTIN itself.
func lotPattern(key, after string, kind epcis.IdentifierKind) (Pattern, bool) {
	p, ok := patternOf(patternPrefix+"sgtin:"+key+".*", after, kind)
	p.Exact = ""
	return p, ok
}
