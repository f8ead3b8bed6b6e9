package profile

import (
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func TestEveryProfileIsAPolicyThatTheLedgerTakes(t *testing.T) {
	for _, p := range All() {
		if err := ledger.CheckPolicy(p.Policy); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if p.Goods == "" || p.Source == "" {
			t.Errorf("%s does not say what it is for or where it comes from", p.Name)
		}
	}
}

func TestANameOrAliasFindsOneProfile(t *testing.T) {
	seen := map[string]string{}
	for _, p := range All() {
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			if other, ok := seen[name]; ok {
				t.Errorf("%s is %s and %s", name, other, p.Name)
			}
			seen[name] = p.Name
			if got, ok := Find(" " + strings.ToUpper(name)); !ok || got.Name != p.Name {
				t.Errorf("%s finds %q", name, got.Name)
			}
		}
	}
	if _, ok := Find("bananas"); ok || !slices.Contains(Names(), "refrigerated") {
		t.Error("names")
	}
}
