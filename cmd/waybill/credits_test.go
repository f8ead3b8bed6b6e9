package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/founding"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

func TestTheCreditPolicyOfTheHelpCarriesTheDefaultScoringPolicy(t *testing.T) {
	var help string
	for _, cmd := range (&app{}).creditMotions() {
		if cmd.Name() == "policy" {
			help = cmd.Long
		}
	}
	_, text, ok := strings.Cut(help, "\n\n")
	if !ok {
		t.Fatalf("no example in %q", help)
	}
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &waybillv1.CreditPolicy{}
	if err := readStated(file, nil, p); err != nil {
		t.Fatal(err)
	}
	stated := ledger.CreditPolicy{
		Version: p.GetVersion(), TaskMint: ledger.Credits(p.GetTaskMint()), MinStake: ledger.Credits(p.GetMinStake()), UnbondDelay: millis(p.GetUnbondDelay()),
	}
	if _, suffices := founding.CreditPolicyFor(protocolsim.DefaultPolicy(), &stated); !suffices {
		t.Errorf("a scoring policy as --print writes it is refused under %+v", stated)
	}
}

func TestWhomToPayHowMuchIsReadEitherWay(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	for _, args := range [][]string{{a + "=7", b + "=9"}, {a, "7", b, "9"}, {a + "=7", b, "9"}} {
		got, err := paymentsOf(args)
		if err != nil || len(got) != 2 || got[0].GetTo() != a || got[0].GetAmount() != 7 || got[1].GetTo() != b || got[1].GetAmount() != 9 {
			t.Errorf("%v: %v, %v", args, got, err)
		}
	}
	for want, args := range map[string][]string{
		"is to have no amount":        {a},
		"is no account":               {"7", a},
		`"" is not a number`:          {a + "="},
		`"many" is not a number`:      {a, "many"},
		`"0" is not a number`:         {a + "=0"},
		"ACCOUNT AMOUNT or ACCOUNT=A": {"producer", "7"},
	} {
		if got, err := paymentsOf(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, %v; it is to say %q", args, got, err, want)
		}
	}
}
