package epcis_test

import (
	"errors"
	"testing"

	"github.com/waybill-dev/waybill/epcis"
)

func TestIdentifiersHaveOneCanonicalForm(t *testing.T) {
	tests := []struct {
		in, want string
		kind     epcis.IdentifierKind
		class    bool
	}{
		{"urn:epc:id:sgtin:4012345.011111.9876", "https://id.gs1.org/01/04012345111118/21/9876", epcis.KindSGTIN, false},
		{"urn:epc:id:sgtin:4012345.011111.98%2F(7)", "https://id.gs1.org/01/04012345111118/21/98%2F%287%29", epcis.KindSGTIN, false},
		{"https://example.com/01/04012345111118/21/98%2f%287)", "https://id.gs1.org/01/04012345111118/21/98%2F%287%29", epcis.KindSGTIN, false},
		{"urn:epc:id:sscc:4012345.1234567890", "https://id.gs1.org/00/140123452345678902", epcis.KindSSCC, false},
		{"https://example.com/x/y/00/140123452345678902?a=b", "https://id.gs1.org/00/140123452345678902", epcis.KindSSCC, false},
		{"urn:epc:id:sgln:4012345.00011.987", "https://id.gs1.org/414/4012345000115/254/987", epcis.KindSGLN, false},
		{"urn:epc:id:sgln:4012345.00011.0", "https://id.gs1.org/414/4012345000115", epcis.KindSGLN, false},
		{"urn:epc:id:sgln:401234512345..7", "https://id.gs1.org/414/4012345123456/254/7", epcis.KindSGLN, false},
		{"urn:epc:id:pgln:4012345.00000", "https://id.gs1.org/417/4012345000009", epcis.KindPGLN, false},
		{"urn:epc:id:grai:4012345.55555.98765", "https://id.gs1.org/8003/0401234555555498765", epcis.KindGRAI, false},
		{"urn:epc:id:giai:4000001.111", "https://id.gs1.org/8004/4000001111", epcis.KindGIAI, false},
		{"urn:epc:id:gdti:0614141.00001.1618034", "https://id.gs1.org/253/06141410000121618034", epcis.KindGDTI, false},
		{"urn:epc:id:gsrn:0614141.0000010253", "https://id.gs1.org/8018/061414100000102534", epcis.KindGSRN, false},
		{"urn:epc:id:gsrnp:0614141.0000010253", "https://id.gs1.org/8017/061414100000102534", epcis.KindGSRNP, false},
		{"urn:epc:id:cpi:0614141.ABC%23-1.123", "https://id.gs1.org/8010/0614141ABC%23-1/8011/123", epcis.KindCPI, false},
		{"urn:epc:id:sgcn:4012345.67890.04711", "https://id.gs1.org/255/401234567890104711", epcis.KindSGCN, false},
		{"urn:epc:id:ginc:0614141.xyz3311cba", "https://id.gs1.org/401/0614141xyz3311cba", epcis.KindGINC, false},
		{"urn:epc:id:gsin:0614141.123456789", "https://id.gs1.org/402/06141411234567890", epcis.KindGSIN, false},
		{"urn:epc:id:itip:4012345.012345.01.02.987", "https://id.gs1.org/8006/040123451234560102/21/987", epcis.KindITIP, false},
		{"urn:epc:id:upui:1234567.098765.51qIgY)", "https://id.gs1.org/01/01234567987651/235/51qIgY%29", epcis.KindUPUI, false},
		{"urn:epc:class:lgtin:4012345.012345.998877", "https://id.gs1.org/01/04012345123456/10/998877", epcis.KindLGTIN, true},
		{"urn:epc:idpat:sgtin:4012345.066666.*", "https://id.gs1.org/01/04012345666663", epcis.KindGTIN, true},
		{"urn:epc:idpat:grai:4012345.55555.*", "https://id.gs1.org/8003/04012345555554", epcis.KindGRAI, true},
		{"urn:epc:idpat:itip:4012345.012345.01.02.*", "https://id.gs1.org/8006/040123451234560102", epcis.KindITIP, true},
		{"https://example.com/gtin/4012345123456/lot/A1/ser/7", "https://id.gs1.org/01/04012345123456/21/7", epcis.KindSGTIN, false},
		{"https://id.gs1.org/01/04012345123456/22/2A/10/A1", "https://id.gs1.org/01/04012345123456/10/A1", epcis.KindLGTIN, true},
		{"http://id.gs1.org/01/40123455", "https://id.gs1.org/01/00000040123455", epcis.KindGTIN, true},
		{"https://id.gs1.org/8004/4000001111", "https://id.gs1.org/8004/4000001111", epcis.KindGIAI, false},
		{"https://example.com/about/01/us", "https://example.com/about/01/us", epcis.KindOther, false},
		{"https://id.gs1.org/01/0401234512345", "https://id.gs1.org/01/00401234512345", epcis.KindGTIN, true},
		{"https://id.gs1.org/01/040123451234", "https://id.gs1.org/01/00040123451234", epcis.KindGTIN, true},
		{"https://id.gs1.org/01/04012345123", "https://id.gs1.org/01/04012345123", epcis.KindOther, false},
		{"HTTPS://ID.GS1.ORG/01/04012345111118/21/9876", "https://id.gs1.org/01/04012345111118/21/9876", epcis.KindSGTIN, false},
		{"Http://example.com/00/140123452345678902", "https://id.gs1.org/00/140123452345678902", epcis.KindSSCC, false},
		{"URN:EPC:id:sgtin:4012345.011111.9876", "https://id.gs1.org/01/04012345111118/21/9876", epcis.KindSGTIN, false},
		{"URN:EPC:ID:SGTIN:4012345.011111.9876", "URN:EPC:ID:SGTIN:4012345.011111.9876", epcis.KindOther, false},
		{"urn:epc:id:gid:1.2.3", "urn:epc:id:gid:1.2.3", epcis.KindOther, false},
		{"urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8", "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8", epcis.KindOther, false},
	}
	for _, tt := range tests {
		id, err := epcis.ParseIdentifier(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if want := (epcis.Identifier{Kind: tt.kind, Canonical: tt.want, Class: tt.class}); id != want {
			t.Errorf("%s\n got %+v\nwant %+v", tt.in, id, want)
		}
		if kind := epcis.KindOf(tt.in); kind != tt.kind {
			t.Errorf("KindOf(%s) = %q", tt.in, kind)
		}
		if again, err := epcis.CanonicalEPC(id.Canonical); err != nil || again != id.Canonical {
			t.Errorf("%s is not its own canonical form: %s, %v", id.Canonical, again, err)
		}
	}
}

func TestMalformedIdentifiersAreRefused(t *testing.T) {
	for _, s := range []string{
		"", "4012345", "dock 7", "urn:epc:id:sgtin:4012345.01111.1", "urn:epc:id:sgtin:4012345.011111.", "urn:epc:id:sscc:4012345.123",
		"urn:epc:id:sgtin:40123.0111111.1", "urn:epc:id:sgtin:4012345.011111.%4", "urn:epc:id:sgtin:4012345.011111.123456789012345678901",
		"urn:epc:class:lgtin:4012345.011111", "urn:epc:idpat:sgtin:4012345.011111.7", "urn:epc:id:gdti:4012345.00001.123456789012345678",
		"urn:epc:id:cpi:0614141.ab.1", "urn:epc:id:sgcn:4012345.67890.x", "urn:epc:id:itip:4012345.012345.1.2.9",
	} {
		_, err := epcis.CanonicalEPC(s)
		var f epcis.Fault
		if !errors.As(err, &f) || f.Code != epcis.CodeIdentifier {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestCheckDigitsAreVerified(t *testing.T) {
	for s, good := range map[string]bool{
		"https://id.gs1.org/01/04012345123456":        true,
		"https://id.gs1.org/01/04012345123457":        false,
		"https://id.gs1.org/00/140123452345678902":    true,
		"https://id.gs1.org/00/140123452345678900":    false,
		"https://id.gs1.org/414/4012345000115/254/1":  true,
		"https://id.gs1.org/414/4012345000110/254/1":  false,
		"https://id.gs1.org/8003/0401234555555498765": true,
		"https://id.gs1.org/8003/0401234555555598765": false,
		"https://id.gs1.org/8004/4000001111":          true,
		"urn:epc:id:sgtin:4012345.011111.9876":        true,
		"https://example.com/":                        true,
	} {
		err := epcis.VerifyCheckDigit(s)
		var f epcis.Fault
		if good != (err == nil) || !good && (!errors.As(err, &f) || f.Code != epcis.CodeCheckDigit) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// TestEveryKeyIsReadOnEveryDomain spells each key of GS1 with each of its qualifiers as a
// Digital Link on several domains, and each numeric key with every check digit.
func TestEveryKeyIsReadOnEveryDomain(t *testing.T) {
	keys := []struct {
		path  string
		kind  epcis.IdentifierKind
		class bool
		// digit is where the check digit stands in the path; 0 for none.
		digit int
		// finest is the canonical path, if it is another.
		finest string
	}{
		{"/00/095213210000000018", epcis.KindSSCC, false, 21, ""},
		{"/01/09521321000018", epcis.KindGTIN, true, 17, ""},
		{"/01/09521321000018/21/A-1", epcis.KindSGTIN, false, 17, ""},
		{"/01/09521321000018/10/LOT.1", epcis.KindLGTIN, true, 17, ""},
		{"/01/09521321000018/22/2A", epcis.KindGTIN, true, 17, "/01/09521321000018"},
		{"/01/09521321000018/22/2A/10/LOT/21/7", epcis.KindSGTIN, false, 17, "/01/09521321000018/21/7"},
		{"/01/09521321000018/235/51qIgY", epcis.KindUPUI, false, 17, ""},
		{"/414/9521321000018", epcis.KindSGLN, false, 17, ""},
		{"/414/9521321000018/254/DOCK7", epcis.KindSGLN, false, 17, ""},
		{"/417/9521321000018", epcis.KindPGLN, false, 17, ""},
		{"/8003/09521321000018", epcis.KindGRAI, true, 19, ""},
		{"/8003/0952132100001877", epcis.KindGRAI, false, 19, ""},
		{"/8004/9521321logger7", epcis.KindGIAI, false, 0, ""},
		{"/253/9521321000018DOC", epcis.KindGDTI, false, 17, ""},
		{"/253/9521321000018", epcis.KindGDTI, true, 17, ""},
		{"/255/95213210000187", epcis.KindSGCN, false, 17, ""},
		{"/8017/952132100000000014", epcis.KindGSRNP, false, 23, ""},
		{"/8018/952132100000000014", epcis.KindGSRN, false, 23, ""},
		{"/8006/095213210000180102", epcis.KindITIP, true, 19, ""},
		{"/8006/095213210000180102/21/7", epcis.KindITIP, false, 19, ""},
		{"/8010/95213215PQ7%2FZ43", epcis.KindCPI, true, 0, ""},
		{"/8010/95213215PQ7/8011/42", epcis.KindCPI, false, 0, ""},
		{"/401/9521321XYZ", epcis.KindGINC, false, 0, ""},
		{"/402/95213210000000018", epcis.KindGSIN, false, 21, ""},
	}
	for _, k := range keys {
		want := "https://id.gs1.org" + k.path
		if k.finest != "" {
			want = "https://id.gs1.org" + k.finest
		}
		for _, link := range []string{
			"https://id.gs1.org" + k.path, "http://id.gs1.org" + k.path, "https://brand.example" + k.path,
			"https://brand.example:8443/products/eu" + k.path, "https://id.example.com" + k.path + "?17=261231&linkType=gs1:pip",
		} {
			id, err := epcis.ParseIdentifier(link)
			if err != nil || id.Kind != k.kind || id.Class != k.class || id.Canonical != want {
				t.Errorf("%s: %+v %v", link, id, err)
			}
		}
		if k.digit == 0 {
			if err := epcis.VerifyCheckDigit("https://id.gs1.org" + k.path); err != nil {
				t.Errorf("%s: %v", k.path, err)
			}
			continue
		}
		good := 0
		for d := byte('0'); d <= '9'; d++ {
			path := []byte(k.path)
			path[k.digit] = d
			err := epcis.VerifyCheckDigit("https://brand.example" + string(path))
			if err == nil {
				good++
			}
			if (err == nil) != (k.path[k.digit] == d) {
				t.Errorf("%s: %v", path, err)
			}
		}
		if good != 1 {
			t.Errorf("%s: %d check digits are right", k.path, good)
		}
	}
}
