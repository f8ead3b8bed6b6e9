package repository_test

import (
	"testing"

	"github.com/waybill-dev/waybill/api/repository"
	"github.com/waybill-dev/waybill/epcis"
)

// A partner's event may state a company prefix of the wrong length.
func TestEventsDoNotOverruleTheCompanyPrefixesOfTheOperator(t *testing.T) {
	g := newRig(t)
	if _, err := g.Record(t.Context(), one(t, event(1, ""))); err != nil { // tells 9521321
		t.Fatal(err)
	}
	urns := repository.NewPrefixes(g.Repository, g.state, epcis.CompanyPrefixes{"952132"})
	if _, err := urns.URN("https://id.gs1.org/01/04012345111118/21/1"); err == nil { // has the event read
		t.Fatal("a prefix that nobody told")
	}
	if urn, err := urns.URN("https://id.gs1.org/01/09521321000018/21/7"); err != nil || urn != "urn:epc:id:sgtin:952132.0100001.7" {
		t.Errorf("%q, %v", urn, err)
	}
}
