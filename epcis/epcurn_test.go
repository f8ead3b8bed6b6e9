package epcis_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/epcis"
)

func hasCode(err error, code string) bool {
	f, ok := errors.AsType[epcis.Fault](err)
	return ok && f.Code == code
}

// Every scheme of the EPC Tag Data Standard with GS1 keys, one object and a class.
func TestURNsAndDigitalLinksAreTwoSpellingsOfOneKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := company(t)
		n := len(c)
		digits := func(k int) string { return rapid.StringMatching(fmt.Sprintf(`[0-9]{%d}`, k)).Draw(t, "digits") }
		text := rapid.SampledFrom([]string{"1", "A-7", "x_y", "a.b", "%22", "%25", "%26", "%2F", "%3C", "%3E", "%3F", "a+b", "(1)", "!*,:;='"}).Draw(t, "serial")
		for _, urn := range []string{
			"urn:epc:id:sgtin:" + c + "." + digits(13-n) + "." + text,
			"urn:epc:id:upui:" + c + "." + digits(13-n) + "." + text,
			"urn:epc:class:lgtin:" + c + "." + digits(13-n) + "." + text,
			"urn:epc:idpat:sgtin:" + c + "." + digits(13-n) + ".*",
			"urn:epc:id:itip:" + c + "." + digits(13-n) + ".01.02." + text,
			"urn:epc:idpat:itip:" + c + "." + digits(13-n) + ".01.02.*",
			"urn:epc:id:sscc:" + c + "." + digits(17-n),
			"urn:epc:id:sgln:" + c + "." + digits(12-n) + "." + text,
			"urn:epc:id:sgln:" + c + "." + digits(12-n) + ".0",
			"urn:epc:id:pgln:" + c + "." + digits(12-n),
			"urn:epc:id:grai:" + c + "." + digits(12-n) + "." + text,
			"urn:epc:idpat:grai:" + c + "." + digits(12-n) + ".*",
			"urn:epc:id:gdti:" + c + "." + digits(12-n) + "." + text,
			"urn:epc:idpat:gdti:" + c + "." + digits(12-n) + ".*",
			"urn:epc:id:sgcn:" + c + "." + digits(12-n) + "." + digits(7),
			"urn:epc:idpat:sgcn:" + c + "." + digits(12-n) + ".*",
			"urn:epc:id:giai:" + c + "." + text,
			"urn:epc:id:ginc:" + c + "." + text,
			"urn:epc:id:gsin:" + c + "." + digits(16-n),
			"urn:epc:id:gsrn:" + c + "." + digits(17-n),
			"urn:epc:id:gsrnp:" + c + "." + digits(17-n),
			"urn:epc:id:cpi:" + c + ".5PQ7%2FZ43%23-1.12345",
			"urn:epc:idpat:cpi:" + c + ".5PQ7.*",
		} {
			link, err := epcis.CanonicalEPC(urn)
			if err != nil || !strings.HasPrefix(link, "https://id.gs1.org/") {
				t.Fatalf("%s: %s %v", urn, link, err)
			}
			back, err := epcis.EPCURN(link, n)
			if err != nil {
				t.Fatalf("%s from %s: %v", link, urn, err)
			}
			if back != urn {
				t.Fatalf("%s becomes %s becomes %s", urn, link, back)
			}
			if own, err := (epcis.CompanyPrefixes{c}).URN(link); err != nil || own != urn {
				t.Fatalf("%s: %s %v", link, own, err)
			}
			capitals := "URN:EPC:" + strings.TrimPrefix(urn, "urn:epc:")
			for _, s := range []string{urn, capitals} {
				if same, err := epcis.DigitalLink(s); err != nil || same != link {
					t.Fatalf("%s: %s %v", s, same, err)
				}
				if same, err := epcis.EPCURN(s, n); err != nil || same != urn {
					t.Fatalf("%s: %s %v", s, same, err)
				}
				if same, err := (epcis.CompanyPrefixes{}).URN(s); err != nil || same != urn {
					t.Fatalf("%s: %s %v", s, same, err)
				}
			}
		}
	})
}

func TestALinkWithoutAURNSaysWhy(t *testing.T) {
	for _, c := range []struct {
		link   string
		length int
		code   string
	}{
		{"https://id.gs1.org/01/09521321000018/21/1001", 0, epcis.CodeCompanyPrefix},
		{"https://id.gs1.org/01/09521321000018/21/1001", 13, epcis.CodeCompanyPrefix},
		{"https://id.gs1.org/01/09521321000019/21/1001", 7, epcis.CodeCheckDigit},
		{"https://id.gs1.org/8006/095213210000180102/10/LOT", 7, epcis.CodeIdentifier},
		{"https://id.gs1.org/8004/9521A", 7, epcis.CodeIdentifier},
		{"https://example.com/nothing", 7, epcis.CodeIdentifier},
		{"no uri", 7, epcis.CodeIdentifier},
	} {
		if urn, err := epcis.EPCURN(c.link, c.length); !hasCode(err, c.code) {
			t.Errorf("%s: %q %v, want %s", c.link, urn, err, c.code)
		}
	}
	if _, err := (epcis.CompanyPrefixes{"4012345"}).URN("https://id.gs1.org/01/09521321000018/21/1001"); !hasCode(err, epcis.CodeCompanyPrefix) {
		t.Errorf("%v", err)
	}
	if s, err := (epcis.CompanyPrefixes{"952132", "9521321", "95"}).URN("https://example.com/gtin/9521321000018/ser/1001"); err != nil || s != "urn:epc:id:sgtin:9521321.000001.1001" {
		t.Errorf("%s %v", s, err)
	}
	if _, err := epcis.ParseCompanyPrefixes([]string{"95213x"}); !hasCode(err, epcis.CodeCompanyPrefix) {
		t.Errorf("%v", err)
	}
}

func FuzzEPCURN(f *testing.F) {
	for _, s := range samples {
		f.Add(s, 7)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		urn, err := epcis.EPCURN(s, n)
		if err != nil {
			return
		}
		a, errA := epcis.CanonicalEPC(s)
		b, errB := epcis.CanonicalEPC(urn)
		if errA != nil || errB != nil || a != b {
			t.Fatalf("%q becomes %q: %q %q", s, urn, a, b)
		}
	})
}
