package contract_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/contract"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// service gives an organisation an identity that anchors, and the key of its certificate.
func (c *channel) service(t fatal, name, mspID string, key crypto.Signer) crypto.Signer {
	t.Helper()
	value, err := json.Marshal(map[string]any{"attrs": map[string]string{contract.RoleAttribute: "anchor"}})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}, Value: value}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: mspID, IdBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})})
	if err != nil {
		t.Fatal(err)
	}
	c.creators[name] = creator
	return key
}

func p256(t fatal) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func root(height, size uint64) ledger.Root {
	return ledger.Root{Channel: "test", Genesis: ledger.Digest{1}, Height: height, Block: ledger.Digest{2, byte(height)}, Size: size, Hash: ledger.Digest{3, byte(size)}}
}

// signedRoot is stated in the name of A.
func (c *channel) signedRoot(t fatal, key crypto.Signer, r ledger.Root) wire.SignedRoot {
	t.Helper()
	return c.signedAs(t, "A", key, r)
}

func (c *channel) signedAs(t fatal, mspID string, key crypto.Signer, r ledger.Root) wire.SignedRoot {
	t.Helper()
	at := ledger.MillisOf(c.clock)
	statement, err := wire.RootStatement(r, mspID, at)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := ledger.SignStatement(key, rand.Reader, statement)
	if err != nil {
		t.Fatal(err)
	}
	return wire.SignedRoot{Root: r, Signed: ledger.RootSignature{At: at, Signature: signature}}
}

func (c *channel) anchor(t fatal, who string, roots ...wire.SignedRoot) []wire.Answer {
	t.Helper()
	answers, _ := c.submit(t, who, wire.FnAnchorRoots, encode(t, wire.RootBatch{Roots: roots}))
	return answers
}

func TestARootIsAnchoredOnceByItsOwnKey(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ecdsa": p256(t), "ed25519": ed} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t)
			c.service(t, "service", "A", key)
			signed := c.signedRoot(t, key, root(7, 100))
			answers, stub := c.submit(t, "service", wire.FnAnchorRoots, encode(t, wire.RootBatch{Roots: []wire.SignedRoot{signed}}))
			if answers[0].Status != ledger.StatusRecorded {
				t.Fatal(answers)
			}
			tx := transaction(t, stub)
			if len(tx.Anchors) != 1 || tx.Anchors[0].Root != signed.Root || tx.Anchors[0].MSPID != "A" || len(tx.Events)+len(tx.Segments)+len(tx.Verdicts)+len(tx.Findings) != 0 {
				t.Errorf("%+v", tx)
			}
			if got := query[ledger.Anchor](t, c, wire.FnGetAnchor, "7", "A"); got.Root != signed.Root || len(got.Certificate) == 0 || got.TxID == "" {
				t.Errorf("%+v", got)
			}
			if got := query[ledger.AnchorHead](t, c, wire.FnGetAnchorHead, "A"); got != (ledger.AnchorHead{Height: 7, Size: 100}) {
				t.Errorf("%+v", got)
			}
			if again := c.anchor(t, "service", signed); again[0].Status != ledger.StatusDuplicate || again[0].RecordedIn != tx.Anchors[0].TxID {
				t.Errorf("%+v", again)
			}
			// Another node of the organisation, a moment later.
			c.clock = c.clock.Add(time.Second)
			if again := c.anchor(t, "service", c.signedRoot(t, key, root(7, 100))); again[0].Status != ledger.StatusDuplicate {
				t.Errorf("%+v", again)
			}
		})
	}
}

func TestWrongRootsAreRefusedOneByOne(t *testing.T) {
	c := newChannel(t)
	key, other := c.service(t, "service", "A", p256(t)), c.service(t, "other", "B", p256(t))
	good := c.signedRoot(t, key, root(7, 100))
	c.anchor(t, "service", good)
	with := func(change func(*wire.SignedRoot)) wire.SignedRoot {
		s := c.signedRoot(t, key, root(9, 200))
		change(&s)
		return s
	}
	late := c.clock
	c.clock = c.clock.Add(-time.Hour)
	stale := c.signedRoot(t, key, root(9, 200))
	c.clock = late
	for _, v := range []struct {
		what string
		root wire.SignedRoot
		code string
	}{
		{"replaced", c.signedRoot(t, key, root(7, 101)), ledger.CodeConflict},
		{"signed by another organisation's key", c.signedRoot(t, other, root(9, 200)), ledger.CodeSignature},
		{"signed in another organisation's name", c.signedAs(t, "B", key, root(9, 200)), ledger.CodeSignature},
		{"another root than was signed", with(func(s *wire.SignedRoot) { s.Root.Hash[9]++ }), ledger.CodeSignature},
		{"another time than was signed", with(func(s *wire.SignedRoot) { s.Signed.At++ }), ledger.CodeSignature},
		{"no signature", with(func(s *wire.SignedRoot) { s.Signed.Signature = nil }), ledger.CodeSignature},
		{"signed long ago", stale, ledger.CodeClockSkew},
		{"lower", c.signedRoot(t, key, root(6, 100)), ledger.CodeAnchorOrder},
		{"smaller", c.signedRoot(t, key, root(8, 99)), ledger.CodeAnchorOrder},
		{"of another channel", c.signedRoot(t, key, ledger.Root{Channel: "else", Genesis: ledger.Digest{1}, Height: 9, Block: ledger.Digest{1}, Hash: ledger.Digest{1}}), ledger.CodeSchema},
		{"without a height", c.signedRoot(t, key, root(0, 0)), ledger.CodeSchema},
		{"without a hash", with(func(s *wire.SignedRoot) { s.Root.Hash = ledger.Digest{} }), ledger.CodeSchema},
		{"beyond any ledger", c.signedRoot(t, key, root(1<<60, 1<<60)), ledger.CodeSchema},
	} {
		answers := c.anchor(t, "service", v.root, c.signedRoot(t, key, root(7, 100)))
		if answers[0].Status != ledger.StatusRefused || answers[0].Code != v.code {
			t.Errorf("%s: %+v", v.what, answers[0])
		}
		if answers[1].Status != ledger.StatusDuplicate {
			t.Errorf("%s: its neighbour: %+v", v.what, answers[1])
		}
	}
}

// What an organisation states of the log is evidence, also where it contradicts the others.
func TestADisagreementIsRecorded(t *testing.T) {
	c := newChannel(t)
	a, b := c.service(t, "a", "A", p256(t)), c.service(t, "b", "B", p256(t))
	other := root(7, 100)
	other.Hash = ledger.Digest{0xff}
	for who, signed := range map[string]wire.SignedRoot{"a": c.signedRoot(t, a, root(7, 100)), "b": c.signedAs(t, "B", b, other)} {
		if got := c.anchor(t, who, signed); got[0].Status != ledger.StatusRecorded {
			t.Errorf("%s: %+v", who, got)
		}
	}
	if query[ledger.Anchor](t, c, wire.FnGetAnchor, "7", "A").Root == query[ledger.Anchor](t, c, wire.FnGetAnchor, "7", "B").Root {
		t.Error("the two roots are one")
	}
}

// The same organisation's anchors are a log that only grows, whatever is asked and however it is batched.
func TestAnchorsOfAnOrganisationOnlyGrow(t *testing.T) {
	key := p256(t)
	rapid.Check(t, func(t *rapid.T) {
		c := newChannel(t)
		c.service(t, "service", "A", key)
		var height, size uint64
		recorded := map[uint64]ledger.Root{}
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			var roots []wire.SignedRoot
			for range rapid.IntRange(1, 4).Draw(t, "roots") {
				roots = append(roots, c.signedRoot(t, key, root(rapid.Uint64Range(1, 9).Draw(t, "height"), rapid.Uint64Range(0, 9).Draw(t, "size"))))
			}
			for i, a := range c.anchor(t, "service", roots...) {
				r := roots[i].Root
				before, had := recorded[r.Height]
				want := ledger.StatusRefused
				switch {
				case had && before == r:
					want = ledger.StatusDuplicate
				case !had && r.Height >= height && r.Size >= size:
					want = ledger.StatusRecorded
					height, size, recorded[r.Height] = r.Height, r.Size, r
				}
				if a.Status != want {
					t.Fatalf("%+v after height %d and size %d: %+v", r, height, size, a)
				}
			}
		}
	})
}

// Two nodes of one organisation that anchor at once: one of the transactions is invalidated.
func TestOneOrganisationsAnchorsDoNotOvertakeEachOther(t *testing.T) {
	c := newChannel(t)
	key := c.service(t, "service", "A", p256(t))
	first, _ := c.simulate("service", "tx1", wire.FnAnchorRoots, encode(t, wire.RootBatch{Roots: []wire.SignedRoot{c.signedRoot(t, key, root(7, 100))}}))
	second, _ := c.simulate("service", "tx2", wire.FnAnchorRoots, encode(t, wire.RootBatch{Roots: []wire.SignedRoot{c.signedRoot(t, key, root(6, 90))}}))
	if codes := c.world.Commit(first, second); codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_MVCC_READ_CONFLICT {
		t.Error(codes)
	}
}

func TestAnchorsThatAreNotThere(t *testing.T) {
	c := newChannel(t)
	for _, call := range [][]string{{wire.FnGetAnchor, "7", "A"}, {wire.FnGetAnchor, "seven", "A"}, {wire.FnGetAnchorHead, "A"}} {
		args := make([][]byte, len(call)-1)
		for i, a := range call[1:] {
			args[i] = []byte(a)
		}
		_, response := c.simulate("reader", "tx", call[0], args...)
		if code, _ := ledger.ParseCode(response.GetMessage()); code != ledger.CodeNotFound && code != ledger.CodeMalformed {
			t.Error(fmt.Sprint(call), response.GetMessage())
		}
	}
}
