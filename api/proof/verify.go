package proof

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Organisations are the organisations whose agreement counts, with their root certificates. Whoever
// verifies says which they are: a majority of them must have signed a root.
type Organisations struct {
	byName map[string]*authority
}

type authority struct {
	roots, intermediates *x509.CertPool
}

// Bounds on root certificates.
const (
	maxOrganisations    = 1_000
	maxRootCertificates = 64
)

// NewOrganisations takes the certificates (PEM) of each organisation by its MSP ID: its roots, and its
// intermediate authorities if it has any. A root belongs to one organisation.
func NewOrganisations(certificates map[string][]byte) (*Organisations, error) {
	if len(certificates) == 0 || len(certificates) > maxOrganisations {
		return nil, fmt.Errorf("%w: certificates of %d organisations", ErrRoots, len(certificates))
	}
	o := &Organisations{byName: map[string]*authority{}}
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(certificates)) {
		a := &authority{roots: x509.NewCertPool(), intermediates: x509.NewCertPool()}
		roots, all := 0, 0
		for rest := bytes.TrimSpace(certificates[name]); len(rest) > 0; rest = bytes.TrimSpace(rest) {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return nil, fmt.Errorf("%w: %s: not PEM", ErrRoots, name)
			}
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrRoots, name, err)
			}
			if all++; !c.IsCA || all > maxRootCertificates {
				return nil, fmt.Errorf("%w: %s: %q is no authority's certificate, or there are more than %d", ErrRoots, name, c.Subject, maxRootCertificates)
			}
			if other, ok := owner[string(c.RawSubjectPublicKeyInfo)]; ok && other != name {
				return nil, fmt.Errorf("%w: %s and %s have the authority %q in common", ErrRoots, other, name, c.Subject)
			}
			owner[string(c.RawSubjectPublicKeyInfo)] = name
			if bytes.Equal(c.RawSubject, c.RawIssuer) {
				a.roots.AddCert(c)
				roots++
			} else {
				a.intermediates.AddCert(c)
			}
		}
		if roots == 0 {
			return nil, fmt.Errorf("%w: %s: no root certificate", ErrRoots, name)
		}
		o.byName[name] = a
	}
	return o, nil
}

// Names are the organisations, sorted.
func (o *Organisations) Names() []string { return slices.Sorted(maps.Keys(o.byName)) }

// Majority is how many of the organisations must agree.
func (o *Organisations) Majority() int { return Majority(len(o.byName)) }

// Majority is how many of n organisations are more than half of them.
func Majority(n int) int { return n/2 + 1 }

// Signer is an organisation that signed a root.
type Signer struct {
	Organisation string        `json:"organisation"`
	Subject      string        `json:"subject"` // of its certificate
	At           ledger.Millis `json:"signedAtMillis"`
}

// Signer verifies a signature of a root and tells whose it is: the certificate leads to a root
// certificate of one of the organisations, was valid when the signer says that it signed, and holds
// the role anchor, and its key signed in that organisation's name. Root certificates under the names of
// each other's organisations verify nothing. Whether a certificate was revoked is not asked: offline,
// nobody knows.
func (o *Organisations) Signer(root ledger.Root, s Signature) (Signer, error) {
	if len(s.Certificate) > ledger.MaxCertificateBytes {
		return Signer{}, fmt.Errorf("%w: a certificate of %d bytes", ErrSigner, len(s.Certificate))
	}
	certificate, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return Signer{}, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	name, err := o.certifier(certificate, s.At)
	if err != nil {
		return Signer{}, err
	}
	if err = signedAs(name, root, certificate, s); err != nil {
		for _, other := range o.Names() {
			if other != name && signedAs(other, root, certificate, s) == nil {
				return Signer{}, fmt.Errorf("%w: %s signed as %s, and its certificate leads to the root certificate that was given as %s's: the two were mistaken for each other",
					ErrSigner, certificate.Subject, other, name)
			}
		}
		return Signer{}, err
	}
	if !slices.Contains(roles(certificate), ledger.RoleAnchor) {
		return Signer{}, fmt.Errorf("%w: the certificate of %s of %s does not name the role %q", ErrSigner, certificate.Subject, name, ledger.RoleAnchor)
	}
	return Signer{Organisation: name, Subject: certificate.Subject.String(), At: s.At}, nil
}

// signedAs checks that a root was signed in an organisation's name.
func signedAs(mspID string, root ledger.Root, certificate *x509.Certificate, s Signature) error {
	statement, err := wire.RootStatement(root, mspID, s.At)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err = ledger.VerifyStatement(certificate.PublicKey, statement, s.Signature); err != nil {
		return fmt.Errorf("%w: of %s, as %s: %w", ErrSignature, certificate.Subject, mspID, err)
	}
	return nil
}

// certifier gives the organisation that certified the signer.
func (o *Organisations) certifier(c *x509.Certificate, at ledger.Millis) (string, error) {
	if c.IsCA {
		return "", fmt.Errorf("%w: the certificate of %s is an authority's", ErrSigner, c.Subject)
	}
	var why error
	for _, name := range o.Names() {
		a := o.byName[name]
		_, err := c.Verify(x509.VerifyOptions{
			Roots: a.roots, Intermediates: a.intermediates, CurrentTime: at.Time(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		if err == nil {
			return name, nil
		}
		if invalid, ok := err.(x509.CertificateInvalidError); ok && invalid.Reason == x509.Expired { //nolint:errorlint // crypto/x509 returns it as it is
			why = fmt.Errorf("%w: the certificate of %s of %s is valid from %s to %s, the root was signed at %s", ErrSigner, c.Subject, name,
				c.NotBefore.UTC().Format(timeLayout), c.NotAfter.UTC().Format(timeLayout), at.Time().Format(timeLayout))
		}
	}
	if why == nil {
		why = fmt.Errorf("%w: the certificate of %s leads to no root certificate of %s", ErrSigner, c.Subject, strings.Join(o.Names(), ", "))
	}
	return "", why
}

const timeLayout = "2006-01-02T15:04:05Z"

// roles reads the certificate's attribute waybill.role, which Fabric's authorities keep in an
// extension of their own (hyperledger/fabric-ca, lib/attrmgr).
func roles(c *x509.Certificate) []ledger.Role {
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}) {
			continue
		}
		var held struct {
			Attrs map[string]string `json:"attrs"`
		}
		if json.Unmarshal(e.Value, &held) != nil {
			return nil
		}
		return ledger.ParseRoles(held.Attrs["waybill.role"])
	}
	return nil
}

// Verified is what a proof proves.
type Verified struct {
	Kind  Kind
	Roots []VerifiedRoot // as in the Proof
	Facts []Fact         // as its leaves
}

// VerifiedRoot is a root with who signed it: a majority of the organisations, each once.
type VerifiedRoot struct {
	Root    ledger.Root
	Signers []Signer
	Of      int // organisations given
}

// Fact is a fact that is in the log.
type Fact struct {
	Leaf
	Position uint64   // of the leaf in the log
	Content  *Content // if it is enclosed; it is what was recorded
}

// String names the fact.
func (f Fact) String() string { return describe(f.Key) }

// Verify checks a proof against the organisations' root certificates and nothing else. Whatever is
// wrong with any part of it, nothing of it is proven.
func (o *Organisations) Verify(p Proof) (Verified, error) {
	if err := p.check(); err != nil {
		return Verified{}, err
	}
	out := Verified{Kind: p.Kind}
	var err error
	if out.Facts, err = p.path(); err != nil {
		return Verified{}, err
	}
	for _, r := range p.Roots {
		v, err := o.verifyRoot(r)
		if err != nil {
			return Verified{}, err
		}
		out.Roots = append(out.Roots, v)
	}
	return out, nil
}

// CheckPath checks contents, leaves and path against the roots, and not who signed these.
func (p Proof) CheckPath() error {
	for i, r := range p.Roots { // whoever makes a proof adds channel and signatures last
		if r.Root.Channel == "" || len(r.Signatures) == 0 {
			p.Roots = slices.Clone(p.Roots)
			p.Roots[i].Root.Channel, p.Roots[i].Signatures = "-", make([]Signature, 1)
		}
	}
	if err := p.check(); err != nil {
		return err
	}
	_, err := p.path()
	return err
}

// path checks contents, leaves and path against the roots.
func (p Proof) path() ([]Fact, error) {
	if p.Kind == Consistency {
		first, second := p.Roots[0].Root, p.Roots[1].Root
		if first.Genesis != second.Genesis || first.Channel != second.Channel || first.Height > second.Height {
			return nil, fmt.Errorf("%w: the roots are of two ledgers, or in the wrong order", ErrPath)
		}
		return nil, consistent(first.Size, second.Size, p.hashes(), Hash(first.Hash), Hash(second.Hash))
	}
	root := p.Roots[0].Root
	facts := make([]Fact, len(p.Leaves))
	indices, leaves := make([]uint64, len(p.Leaves)), make([]Hash, len(p.Leaves))
	for i, proven := range p.Leaves {
		leaf, err := ParseLeaf(proven.Leaf)
		if err != nil {
			return nil, err
		}
		if proven.Content != nil {
			if err := proven.Content.Check(leaf); err != nil {
				return nil, err
			}
		}
		if leaf.Block >= root.Height {
			return nil, fmt.Errorf("%w: a fact of block %d under a root of %d blocks", ErrPath, leaf.Block, root.Height)
		}
		facts[i] = Fact{Leaf: leaf, Position: proven.Index, Content: proven.Content}
		indices[i], leaves[i] = proven.Index, leaf.Hash()
	}
	got, err := rootOf(root.Size, indices, leaves, p.hashes())
	if err != nil {
		return nil, err
	}
	if got != Hash(root.Hash) {
		return nil, fmt.Errorf("%w: it gives %x, the root is %s", ErrPath, got, root.Hash)
	}
	return facts, nil
}

func (o *Organisations) verifyRoot(r SignedRoot) (VerifiedRoot, error) {
	v := VerifiedRoot{Root: r.Root, Of: len(o.byName)}
	seen := map[string]bool{}
	for _, s := range r.Signatures {
		signer, err := o.Signer(r.Root, s)
		if err != nil {
			return VerifiedRoot{}, err
		}
		if seen[signer.Organisation] {
			return VerifiedRoot{}, fmt.Errorf("%w: two signatures of %s", ErrSigner, signer.Organisation)
		}
		seen[signer.Organisation] = true
		v.Signers = append(v.Signers, signer)
	}
	if len(v.Signers) < o.Majority() {
		return VerifiedRoot{}, fmt.Errorf("%w: %d of %d, %d are needed", ErrMajority, len(v.Signers), v.Of, o.Majority())
	}
	return v, nil
}
