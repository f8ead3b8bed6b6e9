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
