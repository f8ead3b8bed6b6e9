package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/proof/prooftest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fatal is what a helper needs of a test, a benchmark or a property.
type fatal interface {
	Helper()
	Fatal(...any)
}

// tiles is a log's storage in memory.
type tiles map[proof.TileID][]byte

func (s tiles) read(id proof.TileID) ([]byte, error) { return s[id], nil }

func (s tiles) write(l *proof.Log) {
	for _, tile := range l.Changed() {
		s[tile.TileID] = tile.Hashes
	}
}

// leafOf gives the i-th leaf of a log: distinct, and as long as a real one.
func leafOf(i uint64) proof.Leaf {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], i)
	hash, tx := sha256.Sum256(seed[:]), sha256.Sum256(append(seed[:], 1))
	return proof.Leaf{
		Key: wire.EventKey(hash), Digest: sha256.Sum256(append(seed[:], 2)), Block: i / 500, Index: uint32(i % 500),
		TxID: hex.EncodeToString(tx[:]), MSPID: "ProducerMSP", At: ledger.MillisOf(now),
	}
}

// grown is a log of that size with its tiles, committed every so many leaves.
func grown(t fatal, size, every uint64) (tiles, *proof.Log) {
	t.Helper()
	store := tiles{}
	l, err := proof.OpenLog(0, store.read)
	if err != nil {
		t.Fatal(err)
	}
	for i := range size {
		if err := l.Append(leafOf(i).Hash()); err != nil {
			t.Fatal(err)
		}
		if every > 0 && i%every == 0 {
			store.write(l)
		}
	}
	store.write(l)
	return store, l
}

// consortium is three organisations with a service each.
type consortium struct {
	roots    *proof.Organisations
	services map[string]prooftest.Identity
	ca       map[string]*prooftest.Authority
}

func newConsortium(t fatal, names ...string) consortium {
	t.Helper()
	c := consortium{services: map[string]prooftest.Identity{}, ca: map[string]*prooftest.Authority{}}
	certificates := map[string][]byte{}
	for _, name := range names {
		ca := prooftest.NewAuthority(t, name, now)
		c.ca[name], certificates[name] = ca, ca.PEM
		c.services[name] = ca.Issue(t, "service", prooftest.ServiceRoles, now)
	}
	var err error
	if c.roots, err = proof.NewOrganisations(certificates); err != nil {
		t.Fatal(err)
	}
	return c
}

func three(t fatal) consortium {
	t.Helper()
	return newConsortium(t, "CarrierMSP", "ProducerMSP", "RetailerMSP")
}

func rootAt(l *proof.Log, t fatal) ledger.Root {
	t.Helper()
	hash, err := l.Root()
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Root{Channel: "waybill", Genesis: ledger.Digest{1}, Height: l.Size()/500 + 1, Block: ledger.Digest{2}, Size: l.Size(), Hash: hash}
}

func (c consortium) sign(t fatal, r ledger.Root, who ...string) proof.SignedRoot {
	t.Helper()
	s := proof.SignedRoot{Root: r}
	for _, name := range who {
		s.Signatures = append(s.Signatures, c.services[name].Sign(t, r, ledger.MillisOf(now)))
	}
	return s
}

func included(t fatal, root proof.SignedRoot, store tiles, indices ...uint64) proof.Proof {
	t.Helper()
	tree := proof.Tree{Size: root.Root.Size, Read: store.read}
	hashes, err := tree.Inclusion(indices)
	if err != nil {
		t.Fatal(err)
	}
	p := proof.Proof{Kind: proof.Inclusion, Roots: []proof.SignedRoot{root}, Hashes: proof.Join(hashes)}
	for _, i := range indices {
		p.Leaves = append(p.Leaves, proof.Proven{Index: i, Leaf: leafOf(i).Bytes()})
	}
	return p
}

func encoded(t fatal, p proof.Proof) []byte {
	t.Helper()
	file, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func decoded(t fatal, file []byte) proof.Proof {
	t.Helper()
	p, err := proof.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const body = `{"type":"ObjectEvent","eventTime":"2026-03-01T11:00:00Z","eventTimeZoneOffset":"+00:00","epcList":["urn:epc:id:sgtin:9521321.000001.1001"],"action":"OBSERVE","bizStep":"shipping","disposition":"in_transit","readPoint":{"id":"urn:epc:id:sgln:9521321.00001.0"}}`

func TestTheRootIsThatOfRFC6962(t *testing.T) {
	hasher := rfc6962.DefaultHasher
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(0, 1200).Draw(t, "size")
		store, l := grown(t, size, rapid.Uint64Range(0, 40).Draw(t, "every"))
		var hash func(begin, end uint64) []byte
		hash = func(begin, end uint64) []byte {
			switch end - begin {
			case 0:
				return hasher.EmptyRoot()
			case 1:
				return hasher.HashLeaf(leafOf(begin).Bytes())
			}
			k := uint64(1)
			for 2*k < end-begin {
				k *= 2
			}
			return hasher.HashChildren(hash(begin, begin+k), hash(begin+k, end))
		}
		root, err := l.Root()
		if err != nil || !slices.Equal(root[:], hash(0, size)) {
			t.Fatal(size, err)
		}
		tree := proof.Tree{Size: size, Read: store.read}
		if again, err := tree.Root(); err != nil || again != root {
			t.Fatal(size, err)
		}
		opened, err := proof.OpenLog(size, store.read)
		if err != nil {
			t.Fatal(err)
		}
		more := rapid.Uint64Range(0, 600).Draw(t, "more")
		both := []*proof.Log{opened, l}
		if both[0], err = opened.Clone(); err != nil {
			t.Fatal(err)
		}
		for i := range more {
			for _, x := range both {
				if err := x.Append(leafOf(size + i).Hash()); err != nil {
					t.Fatal(err)
				}
			}
		}
		first, _ := both[0].Root()
		second, _ := both[1].Root()
		unchanged, _ := opened.Root()
		if first != second || unchanged != root {
			t.Fatal("an opened log grows otherwise, or its clone changes it")
		}
	})
}

// transparency-dev/merkle verifies what we prove: an oracle of its own.
func TestPathsAreThoseOfTheLibrary(t *testing.T) {
	c := three(t)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(1, 1500).Draw(t, "size")
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		from := rapid.Uint64Range(1, size).Draw(t, "from")
		store, l := grown(t, size, 0)
		root, err := l.Root()
		if err != nil {
			t.Fatal(err)
		}
		tree := proof.Tree{Size: size, Read: store.read}
		hashes, err := tree.Inclusion([]uint64{index})
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := merkle.Inclusion(index, size)
		if err != nil {
			t.Fatal(err)
		}
		if _, begin, end := nodes.Ephem(); len(hashes) != len(nodes.IDs)-max(0, end-begin-1) {
			t.Fatalf("%d hashes, the library has %d nodes", len(hashes), len(nodes.IDs))
		}
		consistency, err := tree.Consistency(from)
		if err != nil {
			t.Fatal(err)
		}
		older, err := (&proof.Tree{Size: from, Read: store.read}).Root()
		if err != nil {
			t.Fatal(err)
		}
		path := make([][]byte, len(consistency))
		for i := range consistency {
			path[i] = consistency[i][:]
		}
		if err := merkle.VerifyConsistency(rfc6962.DefaultHasher, from, size, path, older[:], root[:]); err != nil {
			t.Fatal(err)
		}
		first := rootAt(l, t)
		first.Size, first.Hash, first.Height = from, older, 1
		p := proof.Proof{Kind: proof.Consistency, Roots: []proof.SignedRoot{c.sign(t, first, "CarrierMSP", "ProducerMSP"), c.sign(t, rootAt(l, t), "RetailerMSP", "ProducerMSP")}, Hashes: proof.Join(consistency)}
		v, err := c.roots.Verify(decoded(t, encoded(t, p)))
		if err != nil || len(v.Roots) != 2 || len(v.Roots[1].Signers) != 2 {
			t.Fatal(v, err)
		}
		// A log that was rewritten does not continue the earlier one.
		forged := p
		forged.Roots = slices.Clone(p.Roots)
		first.Hash[3]++
		forged.Roots[0] = c.sign(t, first, "CarrierMSP", "ProducerMSP")
		if _, err := c.roots.Verify(forged); !errors.Is(err, proof.ErrPath) {
			t.Fatal(err)
		}
	})
}

func TestSetsOfFactsShareOnePath(t *testing.T) {
	c := three(t)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(1, 900).Draw(t, "size")
		store, l := grown(t, size, 0)
		indices := rapid.SliceOfNDistinct(rapid.Uint64Range(0, size-1), 1, int(min(size, 40)), rapid.ID).Draw(t, "indices")
		slices.Sort(indices)
		p := included(t, c.sign(t, rootAt(l, t), "CarrierMSP", "ProducerMSP"), store, indices...)
		v, err := c.roots.Verify(decoded(t, encoded(t, p)))
		if err != nil || len(v.Facts) != len(indices) {
			t.Fatal(err)
		}
		for i, f := range v.Facts {
			if f.Leaf != leafOf(indices[i]) || f.Position != indices[i] {
				t.Fatal(f)
			}
		}
		at := rapid.IntRange(0, len(indices)-1).Draw(t, "at")
		if rapid.Bool().Draw(t, "moved") {
			p.Leaves[at].Index = rapid.Uint64().Filter(func(i uint64) bool { return i != indices[at] }).Draw(t, "elsewhere")
		} else {
			p.Leaves[at].Leaf = leafOf(size + indices[at]).Bytes()
		}
		if _, err := c.roots.Verify(p); err == nil {
			t.Fatal("a forged leaf is accepted")
		}
	})
}

func TestEveryByteOfAProofCounts(t *testing.T) {
	c := three(t)
	store, l := grown(t, 1000, 0)
	p := included(t, c.sign(t, rootAt(l, t), "CarrierMSP", "RetailerMSP"), store, 617)
	file := encoded(t, p)
	if _, err := c.roots.Verify(decoded(t, file)); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, file []byte) {
		t.Helper()
		p, err := proof.Decode(file)
		if err == nil {
			_, err = c.roots.Verify(p)
		}
		if err == nil {
			t.Fatalf("%s: accepted", what)
		}
		if !strings.HasPrefix(err.Error(), "WB_PROOF_") {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i := range file {
		for bit := range 8 {
			forged := slices.Clone(file)
			forged[i] ^= 1 << bit
			refused(fmt.Sprintf("byte %d, bit %d", i, bit), forged)
		}
	}
	for i := range file {
		refused(fmt.Sprintf("%d bytes", i), file[:i])
	}
	refused("a byte more", append(slices.Clone(file), 0))

	// A forger makes the checksum good again: then each byte of what the file holds must count.
	counted := 0
	for name, part := range map[string]func(*proof.Proof) []byte{
		"hashes":      func(p *proof.Proof) []byte { return p.Hashes },
		"leaf":        func(p *proof.Proof) []byte { return p.Leaves[0].Leaf },
		"certificate": func(p *proof.Proof) []byte { return p.Roots[0].Signatures[0].Certificate },
		"signature":   func(p *proof.Proof) []byte { return p.Roots[0].Signatures[1].Signature },
		"root":        func(p *proof.Proof) []byte { return p.Roots[0].Root.Hash[:] },
		"genesis":     func(p *proof.Proof) []byte { return p.Roots[0].Root.Genesis[:] },
		"block":       func(p *proof.Proof) []byte { return p.Roots[0].Root.Block[:] },
	} {
		for i := range part(&p) {
			for bit := range 8 {
				forged := decoded(t, file)
				part(&forged)[i] ^= 1 << bit
				if _, err := c.roots.Verify(forged); err == nil || !strings.HasPrefix(err.Error(), "WB_PROOF_") {
					t.Fatalf("%s, byte %d, bit %d: %v", name, i, bit, err)
				}
				counted++
			}
		}
	}
	for name, change := range map[string]func(*proof.Proof){
		"height":    func(p *proof.Proof) { p.Roots[0].Root.Height++ },
		"size":      func(p *proof.Proof) { p.Roots[0].Root.Size++ },
		"channel":   func(p *proof.Proof) { p.Roots[0].Root.Channel += "x" },
		"time":      func(p *proof.Proof) { p.Roots[0].Signatures[0].At++ },
		"index":     func(p *proof.Proof) { p.Leaves[0].Index ^= 1 },
		"one less":  func(p *proof.Proof) { p.Roots[0].Signatures = p.Roots[0].Signatures[:1] },
		"doubled":   func(p *proof.Proof) { p.Roots[0].Signatures[1] = p.Roots[0].Signatures[0] },
		"no leaf":   func(p *proof.Proof) { p.Leaves = nil },
		"kind":      func(p *proof.Proof) { p.Kind = proof.Consistency },
		"longer":    func(p *proof.Proof) { p.Hashes = append(p.Hashes, p.Hashes[:32]...) },
		"shorter":   func(p *proof.Proof) { p.Hashes = p.Hashes[32:] },
		"no roots":  func(p *proof.Proof) { p.Roots = nil },
		"two roots": func(p *proof.Proof) { p.Roots = append(p.Roots, p.Roots[0]) },
		"content":   func(p *proof.Proof) { p.Leaves[0].Content = &proof.Content{Body: []byte(body)} },
	} {
		forged := decoded(t, file)
		change(&forged)
		refused(name, encodedAnyway(t, forged))
	}
	t.Logf("a proof of %d bytes; %d changes under a right checksum", len(file), counted)
}

func encodedAnyway(t fatal, p proof.Proof) []byte {
	t.Helper()
	file, err := p.Encode()
	if err != nil {
		return nil
	}
	return file
}

func TestAViewSaysWhatItsProofSays(t *testing.T) {
	c := three(t)
	store, l := grown(t, 1000, 0)
	p := included(t, c.sign(t, rootAt(l, t), "CarrierMSP", "RetailerMSP"), store, 617)
	view, err := proof.NewView(p)
	if err != nil {
		t.Fatal(err)
	}
	good, err := json.Marshal(view)
	if err != nil {
		t.Fatal(err)
	}
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, good, "", "  "); err != nil {
		t.Fatal(err)
	}
	for _, same := range [][]byte{good, spaced.Bytes(), append(slices.Clone(good), '\n')} {
		got, err := proof.DecodeView(same)
		if err != nil || !bytes.Equal(encoded(t, got), encoded(t, p)) {
			t.Fatalf("%s: %v", same, err)
		}
	}
	refused := func(what string, forged []byte) {
		t.Helper()
		got, err := proof.DecodeView(forged)
		if err == nil {
			_, err = c.roots.Verify(got)
		}
		if !errors.Is(err, proof.ErrContent) && !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range good {
		forged := slices.Clone(good)
		forged[i]++
		refused(fmt.Sprintf("byte %d", i), forged)
	}
	refused("a member twice", bytes.Replace(good, []byte(`"facts":`), []byte(`"facts":[],"facts":`), 1))
	refused("a member more", bytes.Replace(good, []byte(`{`), []byte(`{"by":"x",`), 1))
	refused("a member in capitals", bytes.Replace(good, []byte(`"proof"`), []byte(`"PROOF"`), 1))
	refused("a second view", append(slices.Clone(good), good...))
	refused("a part", good[:len(good)-1])
	refused("no proof", []byte(`{"kind":"inclusion"}`))
	refused("no JSON", []byte(`{`))
}

func TestOnlyAMajorityOfTheGivenOrganisationsCounts(t *testing.T) {
	c, stranger := three(t), newConsortium(t, "StrangerMSP")
	store, l := grown(t, 300, 0)
	root := rootAt(l, t)
	late := c.ca["CarrierMSP"].Issue(t, "service", prooftest.ServiceRoles, now.AddDate(-6, 0, 0))
	company := c.ca["CarrierMSP"].Issue(t, "company", "recorder", now)
	posing, nobody := c.services["CarrierMSP"], c.services["CarrierMSP"]
	posing.MSPID, nobody.MSPID = "RetailerMSP", ""
	swapped, err := proof.NewOrganisations(map[string][]byte{"CarrierMSP": c.ca["RetailerMSP"].PEM, "RetailerMSP": c.ca["CarrierMSP"].PEM, "ProducerMSP": c.ca["ProducerMSP"].PEM})
	if err != nil {
		t.Fatal(err)
	}
	five := newConsortium(t, "AMSP", "BMSP", "CMSP", "DMSP", "EMSP")
	for _, v := range []struct {
		what string
		by   *proof.Organisations
		root proof.SignedRoot
		want error
	}{
		{"two of three", c.roots, c.sign(t, root, "CarrierMSP", "ProducerMSP"), nil},
		{"three of three", c.roots, c.sign(t, root, "CarrierMSP", "ProducerMSP", "RetailerMSP"), nil},
		{"one of three", c.roots, c.sign(t, root, "CarrierMSP"), proof.ErrMajority},
		{"two of five", five.roots, five.sign(t, root, "AMSP", "BMSP"), proof.ErrMajority},
		{"three of five", five.roots, five.sign(t, root, "AMSP", "BMSP", "EMSP"), nil},
		{"two files swapped", swapped, c.sign(t, root, "CarrierMSP", "ProducerMSP"), proof.ErrSigner},
		{"a signer's file swapped with another's", swapped, c.sign(t, root, "ProducerMSP", "RetailerMSP"), proof.ErrSigner},
		{"signed in another's name", c.roots, proof.SignedRoot{Root: root, Signatures: append(c.sign(t, root, "ProducerMSP").Signatures, posing.Sign(t, root, ledger.MillisOf(now)))}, proof.ErrSigner},
		{"signed in nobody's name", c.roots, proof.SignedRoot{Root: root, Signatures: append(c.sign(t, root, "ProducerMSP").Signatures, nobody.Sign(t, root, ledger.MillisOf(now)))}, proof.ErrSignature},
		{"a stranger among them", c.roots, proof.SignedRoot{Root: root, Signatures: append(c.sign(t, root, "CarrierMSP", "ProducerMSP").Signatures, stranger.sign(t, root, "StrangerMSP").Signatures...)}, proof.ErrSigner},
		{"one organisation by two keys", c.roots, proof.SignedRoot{Root: root, Signatures: append(c.sign(t, root, "CarrierMSP").Signatures, c.ca["CarrierMSP"].Issue(t, "second", prooftest.ServiceRoles, now).Sign(t, root, ledger.MillisOf(now)))}, proof.ErrSigner},
		{"an expired certificate", c.roots, proof.SignedRoot{Root: root, Signatures: append(c.sign(t, root, "ProducerMSP").Signatures, late.Sign(t, root, ledger.MillisOf(now)))}, proof.ErrSigner},
		{"a certificate without the role", c.roots, proof.SignedRoot{Root: root, Signatures: append(c.sign(t, root, "ProducerMSP").Signatures, company.Sign(t, root, ledger.MillisOf(now)))}, proof.ErrSigner},
		{"another root than was signed", c.roots, proof.SignedRoot{Root: root, Signatures: func() []proof.Signature {
			other := root
			other.Block[0]++
			return c.sign(t, other, "CarrierMSP", "ProducerMSP").Signatures
		}()}, proof.ErrSignature},
	} {
		got, err := v.by.Verify(included(t, v.root, store, 7))
		if !errors.Is(err, v.want) || (err == nil) != (v.want == nil) {
			t.Errorf("%s: %v", v.what, err)
		}
		if err == nil && (len(got.Roots[0].Signers) != len(v.root.Signatures) || got.Roots[0].Of != len(v.by.Names())) {
			t.Errorf("%s: %+v", v.what, got.Roots)
		}
	}
}

func TestRootCertificatesThatCannotBeUsedAreNamed(t *testing.T) {
	ca := prooftest.NewAuthority(t, "AMSP", now)
	leaf := ca.Issue(t, "service", prooftest.ServiceRoles, now)
	for name, certificates := range map[string]map[string][]byte{
		"none":                 {},
		"no PEM":               {"AMSP": []byte("certificate")},
		"empty":                {"AMSP": nil},
		"no authority":         {"AMSP": pemOf(leaf.Certificate)},
		"of two organisations": {"AMSP": ca.PEM, "BMSP": ca.PEM},
	} {
		if _, err := proof.NewOrganisations(certificates); !errors.Is(err, proof.ErrRoots) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestContentsAreWhatWasRecorded(t *testing.T) {
	c := three(t)
	event, err := epcis.ParseEvent(nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	segment := ledger.Segment{Device: "https://id.gs1.org/8004/9521321900001", Seq: 3, Previous: ledger.Digest{1}, Times: []ledger.Millis{1_772_366_400_000}, Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: []int32{5000}}}}
	payload, err := wire.EncodeSegment(segment)
	if err != nil {
		t.Fatal(err)
	}
	verdict := ledger.Verdict{Shipment: "https://id.gs1.org/00/095213210000000012", Window: 2, Model: "m@1", Level: ledger.Clear, Trace: ledger.Digest{1}, Inputs: ledger.Digest{2}, Scorer: "CarrierMSP", TxID: "tx", At: 7}
	stated, err := proof.VerdictContent(verdict)
	if err != nil {
		t.Fatal(err)
	}
	final := ledger.FinalVerdict{
		Shipment: verdict.Shipment, Window: 2, Model: "m@1", Task: ledger.Digest{9}, Answer: ledger.TaskAnswer{Model: "m@1", Level: ledger.Inspect, Trace: ledger.Digest{3}},
		By: ledger.SettledChallenge, At: 9, TxID: "tx", Verdict: &verdict,
	}
	stands, err := proof.FinalContent(final)
	if err != nil {
		t.Fatal(err)
	}
	blend := ledger.FinalVerdict{Shipment: verdict.Shipment, Window: 3, Task: ledger.Digest{9}, By: ledger.SettledBlend, At: 9, TxID: "tx"}
	blended, err := proof.FinalContent(blend)
	if err != nil {
		t.Fatal(err)
	}
	finding := ledger.Finding{Code: ledger.FindingCommissionedTwice, Item: "urn:x", Event: ledger.Digest(event.Hash()), Detail: "twice"}
	found, err := proof.FindingContent(finding)
	if err != nil {
		t.Fatal(err)
	}
	digest := proof.EventDigest(nil, []byte(body))
	key := func(key string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	facts := map[string]struct {
		leaf    proof.Leaf
		content proof.Content
	}{
		"event":       {proof.Leaf{Key: wire.EventKey(ledger.Digest(event.Hash())), Digest: digest}, proof.Content{Body: []byte(body)}},
		"restatement": {proof.Leaf{Key: wire.RestatementKey(ledger.Digest(event.Hash()), digest), Digest: digest}, proof.Content{Body: []byte(body)}},
		"segment":     {proof.Leaf{Key: key(wire.SegmentKey(segment.Device, segment.Seq)), Digest: proof.SegmentDigest(wire.SegmentDigest(payload), []byte("signature"))}, proof.Content{Head: []byte("signature"), Body: payload}},
		"verdict":     {proof.Leaf{Key: key(wire.VerdictKey(verdict.Shipment, verdict.Window, verdict.Model)), Digest: sha256.Sum256(stated.Body)}, stated},
		"final":       {proof.Leaf{Key: key(wire.FinalKey(final.Shipment, final.Window, final.Model)), Digest: proof.FinalDigest(stands)}, stands},
		"final blend": {proof.Leaf{Key: key(wire.FinalKey(blend.Shipment, blend.Window, blend.Model)), Digest: proof.FinalDigest(blended)}, blended},
		"finding":     {proof.Leaf{Key: key(wire.FindingKey(finding)), Digest: sha256.Sum256(found.Body)}, found},
	}
	store := tiles{}
	l, err := proof.OpenLog(0, store.read)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(facts))
	for _, name := range names {
		f := facts[name]
		f.leaf.TxID, f.leaf.MSPID = "tx", "CarrierMSP"
		facts[name] = f
		if got := string(f.leaf.Kind()); got != strings.TrimSuffix(name, " blend") {
			t.Errorf("%s is %s", name, got)
		}
		if err := l.Append(f.leaf.Hash()); err != nil {
			t.Fatal(err)
		}
	}
	store.write(l)
	root := c.sign(t, rootAt(l, t), "CarrierMSP", "ProducerMSP")
	hashes, err := (&proof.Tree{Size: l.Size(), Read: store.read}).Inclusion([]uint64{0, 1, 2, 3, 4, 5, 6})
	if err != nil || len(hashes) != 0 {
		t.Fatal(hashes, err)
	}
	p := proof.Proof{Kind: proof.Inclusion, Roots: []proof.SignedRoot{root}}
	for i, name := range names {
		content := facts[name].content
		p.Leaves = append(p.Leaves, proof.Proven{Index: uint64(i), Leaf: facts[name].leaf.Bytes(), Content: &content})
	}
	v, err := c.roots.Verify(decoded(t, encoded(t, p)))
	if err != nil || len(v.Facts) != len(names) {
		t.Fatal(err)
	}
	for i, name := range names {
		for _, part := range []func(*proof.Content) *[]byte{func(c *proof.Content) *[]byte { return &c.Head }, func(c *proof.Content) *[]byte { return &c.Body }} {
			size := len(*part(&proof.Content{Head: facts[name].content.Head, Body: facts[name].content.Body}))
			for at := range size {
				forged := decoded(t, encoded(t, p))
				(*part(forged.Leaves[i].Content))[at] ^= byte(1 + rand.N(255))
				if _, err := c.roots.Verify(forged); !errors.Is(err, proof.ErrContent) {
					t.Fatalf("%s, byte %d: %v", name, at, err)
				}
			}
		}
	}
	// The content of another fact under a leaf made for it: the path refuses.
	forged := decoded(t, encoded(t, p))
	forged.Leaves[0].Content = &proof.Content{Body: []byte(strings.Replace(body, "OBSERVE", "ADD", 1))}
	if _, err := c.roots.Verify(forged); !errors.Is(err, proof.ErrContent) {
		t.Error(err)
	}
}

func TestLeavesHaveOneSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := leafOf(rapid.Uint64().Draw(t, "i"))
		l.Block, l.Index, l.At = rapid.Uint64().Draw(t, "block"), rapid.Uint32().Draw(t, "index"), ledger.Millis(rapid.Int64().Draw(t, "at"))
		l.TxID, l.MSPID = rapid.StringN(0, 80, 200).Draw(t, "tx"), rapid.StringN(0, 20, 60).Draw(t, "msp")
		got, err := proof.ParseLeaf(l.Bytes())
		if err != nil || got != l {
			t.Fatal(got, err)
		}
		if want := rfc6962.DefaultHasher.HashLeaf(l.Bytes()); l.Hash() != proof.Hash(want) {
			t.Fatal("another hash than RFC 6962's")
		}
	})
}

func FuzzDecode(f *testing.F) {
	c := three(f)
	store, l := grown(f, 20, 0)
	file, err := included(f, c.sign(f, rootAt(l, f), "CarrierMSP", "ProducerMSP"), store, 3, 9).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte("WBPROOF\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := proof.Decode(data)
		if err != nil {
			return
		}
		if _, err := c.roots.Verify(p); err == nil && string(data) != string(file) {
			if again, err := p.Encode(); err != nil || string(again) != string(file) {
				t.Fatal("another proof is accepted")
			}
		}
	})
}

func FuzzParseLeaf(f *testing.F) {
	f.Add(leafOf(3).Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := proof.ParseLeaf(data); err == nil && string(l.Bytes()) != string(data) {
			t.Fatal("two spellings of one leaf")
		}
	})
}
