package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/proof/prooftest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// provenFacts writes a proof of facts and the folder of roots that it verifies against.
func provenFacts(t *testing.T, keys ...string) (file, roots string) {
	t.Helper()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	authority := prooftest.NewAuthority(t, "ProducerMSP", now)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ProducerMSP.pem"), authority.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	stored := map[proof.TileID][]byte{}
	read := func(id proof.TileID) ([]byte, error) { return stored[id], nil }
	log, err := proof.OpenLog(0, read)
	if err != nil {
		t.Fatal(err)
	}
	p := proof.Proof{Kind: proof.Inclusion}
	var indices []uint64
	for i, key := range keys {
		leaf := proof.Leaf{Key: key, Digest: ledger.Digest{byte(i)}, Block: 1, Index: uint32(i), TxID: strings.Repeat("ab", 32), MSPID: "ProducerMSP", At: ledger.MillisOf(now)}
		if err := log.Append(leaf.Hash()); err != nil {
			t.Fatal(err)
		}
		p.Leaves = append(p.Leaves, proof.Proven{Index: uint64(i), Leaf: leaf.Bytes()})
		indices = append(indices, uint64(i))
	}
	for _, tile := range log.Changed() {
		stored[tile.TileID] = tile.Hashes
	}
	hash, err := log.Root()
	if err != nil {
		t.Fatal(err)
	}
	tree := proof.Tree{Size: log.Size(), Read: read}
	hashes, err := tree.Inclusion(indices)
	if err != nil {
		t.Fatal(err)
	}
	p.Hashes = proof.Join(hashes)
	root := ledger.Root{Channel: "waybill", Genesis: ledger.Digest{1}, Height: 2, Block: ledger.Digest{2}, Size: log.Size(), Hash: hash}
	service := authority.Issue(t, "service", prooftest.ServiceRoles, now)
	p.Roots = []proof.SignedRoot{{Root: root, Signatures: []proof.Signature{service.Sign(t, root, ledger.MillisOf(now))}}}
	encoded, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "facts.wbproof")
	if err := os.WriteFile(file, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, dir
}

func TestAProofIsOfWhatIsExpectedOrRefused(t *testing.T) {
	event, other := ledger.Digest{0xaa}, ledger.Digest{0xbb}
	key := func(key string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	file, roots := provenFacts(
		t, wire.EventKey(event), wire.RestatementKey(other, ledger.Digest{1}), key(wire.SegmentKey("urn:x:logger", 7)), key(wire.VerdictKey("urn:x:shipment", 3, "rules@1")),
		key(wire.FinalKey("urn:x:shipment", 3, "rules@1")), key(wire.FinalKey("urn:x:shipment", 4, "")),
		key(wire.NamingKey(ledger.Naming{Event: event, Code: ledger.FindingCommissionedTwice, Item: "https://id.gs1.org/01/09521321000018/21/1001"})),
	)
	finding := "finding commissioned_twice " + event.String()
	for _, c := range []struct {
		args []string
		exit int
		code string
	}{
		{nil, exitOK, ""},
		{[]string{"--event", event.String()}, exitOK, ""},
		{[]string{"--event", "ni:///sha-256;" + event.String() + "?ver=CBV2.0"}, exitOK, ""},
		{[]string{"--event", strings.ToUpper(event.String()), "--expect", "restatement " + other.String()}, exitOK, ""},
		{[]string{"--expect", "segment urn:x:logger 7", "--expect", "verdict urn:x:shipment 3 rules@1"}, exitOK, ""},
		{[]string{"--expect", "final urn:x:shipment 3 rules@1", "--expect", "final urn:x:shipment 4"}, exitOK, ""},
		{[]string{"--expect", "final urn:x:shipment 3"}, exitRefused, codeOtherProof},
		{[]string{"--expect", "final urn:x:shipment three"}, exitUsage, codeUsage},
		{[]string{"--expect", finding + " urn:epc:id:sgtin:9521321.000001.1001"}, exitOK, ""},
		{[]string{"--event", other.String()}, exitRefused, codeOtherProof}, // only its restatement is proven
		{[]string{"--event", event.String(), "--event", other.String()}, exitRefused, codeOtherProof},
		{[]string{"--expect", "restatement " + event.String()}, exitRefused, codeOtherProof},
		{[]string{"--expect", "segment urn:x:logger 8"}, exitRefused, codeOtherProof},
		{[]string{"--expect", "verdict urn:x:shipment 3 rules@2"}, exitRefused, codeOtherProof},
		{[]string{"--expect", finding}, exitRefused, codeOtherProof},
		{[]string{"--event", "5f2b"}, exitUsage, codeUsage},
		{[]string{"--event", ""}, exitUsage, codeUsage},
		{[]string{"--expect", "event"}, exitUsage, codeUsage},
		{[]string{"--expect", "shipment 7"}, exitUsage, codeUsage},
		{[]string{"--expect", "segment urn:x:logger seven"}, exitUsage, codeUsage},
	} {
		for _, form := range [][]string{nil, {"--quiet"}, {"--json"}, {"--body"}} {
			var out, errOut bytes.Buffer
			args := append(append([]string{"verify", file, "--roots", roots}, c.args...), form...)
			exit := (&app{}).run(t.Context(), args, strings.NewReader(""), &out, &errOut)
			if exit != c.exit || !strings.Contains(errOut.String(), c.code) || c.exit != exitOK && out.Len() > 0 {
				t.Errorf("%v: exit %d\n%s%s", args[4:], exit, &out, &errOut)
			}
		}
	}
}

func TestAFactsNumberThatIsNoneIsToldInPlainWords(t *testing.T) {
	for said, want := range map[string]string{
		"segment urn:epc:id:giai:9521321.logger7 x":             "not a segment's number",
		"verdict urn:epc:id:sscc:9521321.0000000001 -1 m@1":     "not a window",
		"final urn:epc:id:sscc:9521321.0000000001 99999999999":  "not a window",
		"segment urn:epc:id:giai:9521321.logger7 0":             "",
		"final urn:epc:id:sscc:9521321.0000000001 4294967295 m": "",
	} {
		_, err := expected(said)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "strconv")) {
			t.Errorf("%s: %v, not %q", said, err, want)
		}
	}
}
