package blocks

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// organisation is a membership service of the channel's configuration: who counts as a member.
type organisation struct {
	id            string
	roots         *x509.CertPool
	intermediates *x509.CertPool
	rootCerts     []*x509.Certificate
	revoked       []*x509.RevocationList
	admins        [][]byte                           // to-be-signed bytes of certificates
	units         map[msp.MSPRole_MSPRoleType]string // organisational unit of each role, if enforced
}

// fabricMSP is the type of X.509 membership services in MSPConfig.
const fabricMSP = 0

func parseOrganisation(raw []byte) (*organisation, error) {
	var cfg msp.MSPConfig
	if err := proto.Unmarshal(raw, &cfg); err != nil {
		return nil, err
	}
	if cfg.GetType() != fabricMSP {
		return nil, fmt.Errorf("membership service of type %d, not X.509", cfg.GetType())
	}
	var f msp.FabricMSPConfig
	if err := proto.Unmarshal(cfg.GetConfig(), &f); err != nil {
		return nil, err
	}
	o := &organisation{id: f.GetName(), roots: x509.NewCertPool(), intermediates: x509.NewCertPool()}
	for _, raw := range f.GetRootCerts() {
		certs, err := certificates(raw)
		if err != nil {
			return nil, fmt.Errorf("root certificate: %w", err)
		}
		for _, c := range certs {
			o.rootCerts = append(o.rootCerts, c)
			o.roots.AddCert(c)
		}
	}
	for _, raw := range f.GetIntermediateCerts() {
		certs, err := certificates(raw)
		if err != nil {
			return nil, fmt.Errorf("intermediate certificate: %w", err)
		}
		for _, c := range certs {
			o.intermediates.AddCert(c)
		}
	}
	for _, raw := range f.GetAdmins() {
		certs, err := certificates(raw)
		if err != nil {
			return nil, fmt.Errorf("administrator's certificate: %w", err)
		}
		o.admins = append(o.admins, certs[0].RawTBSCertificate)
	}
	for _, raw := range f.GetRevocationList() {
		der := raw
		if block := firstPEM(raw); block != nil {
			der = block
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("revocation list: %w", err)
		}
		o.revoked = append(o.revoked, list)
	}
	if ous := f.GetFabricNodeOus(); ous.GetEnable() {
		o.units = map[msp.MSPRole_MSPRoleType]string{}
		for role, ou := range map[msp.MSPRole_MSPRoleType]*msp.FabricOUIdentifier{
			msp.MSPRole_CLIENT: ous.GetClientOuIdentifier(), msp.MSPRole_PEER: ous.GetPeerOuIdentifier(),
			msp.MSPRole_ADMIN: ous.GetAdminOuIdentifier(), msp.MSPRole_ORDERER: ous.GetOrdererOuIdentifier(),
		} {
			if ou != nil {
				o.units[role] = ou.GetOrganizationalUnitIdentifier()
			}
		}
	}
	return o, nil
}

// signer is an identity whose signature on the block verifies.
type signer struct {
	mspID string
	cert  *x509.Certificate
	root  *x509.Certificate
}

// validate checks that the certificate is a member's and gives the root it leads to. As Fabric does
// it leaves out whether the certificate has expired: a block carries no time that could be trusted,
// and old blocks stay valid.
func (o *organisation) validate(cert *x509.Certificate) (*x509.Certificate, error) {
	if cert.IsCA {
		return nil, errors.New("the certificate is a CA's")
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: o.roots, Intermediates: o.intermediates,
		CurrentTime: cert.NotBefore.Add(time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, err
	}
	chain := chains[0]
	if len(chain) < 2 {
		return nil, errors.New("the certificate is its own root")
	}
	for i, c := range chain[:len(chain)-1] {
		if o.isRevoked(c, chain[i+1]) {
			return nil, fmt.Errorf("certificate %s is revoked", c.SerialNumber)
		}
	}
	if o.units != nil {
		special := 0
		for _, unit := range cert.Subject.OrganizationalUnit {
			for _, name := range o.units {
				if unit == name {
					special++
				}
			}
		}
		if special != 1 {
			return nil, fmt.Errorf("the certificate names %d node roles, not one", special)
		}
	}
	return chain[len(chain)-1], nil
}

func (o *organisation) isRevoked(cert, issuer *x509.Certificate) bool {
	for _, list := range o.revoked {
		if !bytes.Equal(list.RawIssuer, issuer.RawSubject) || list.CheckSignatureFrom(issuer) != nil {
			continue
		}
		for _, e := range list.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(cert.SerialNumber) == 0 {
				return true
			}
		}
	}
	return false
}

// satisfies checks a signer, already validated, against a principal of a policy.
func (o *organisation) satisfies(s signer, p *msp.MSPPrincipal) bool {
	switch p.GetPrincipalClassification() {
	case msp.MSPPrincipal_ROLE:
		var role msp.MSPRole
		if proto.Unmarshal(p.GetPrincipal(), &role) != nil || role.GetMspIdentifier() != s.mspID {
			return false
		}
		switch role.GetRole() {
		case msp.MSPRole_MEMBER:
			return true
		case msp.MSPRole_ADMIN:
			for _, admin := range o.admins {
				if bytes.Equal(admin, s.cert.RawTBSCertificate) {
					return true
				}
			}
			return o.hasUnit(s.cert, msp.MSPRole_ADMIN)
		case msp.MSPRole_CLIENT, msp.MSPRole_PEER, msp.MSPRole_ORDERER:
			return o.hasUnit(s.cert, role.GetRole())
		}
		return false
	case msp.MSPPrincipal_IDENTITY:
		var id msp.SerializedIdentity
		if proto.Unmarshal(p.GetPrincipal(), &id) != nil || id.GetMspid() != s.mspID {
			return false
		}
		certs, err := certificates(id.GetIdBytes())
		return err == nil && sameCertificate(certs[0], s.cert)
	case msp.MSPPrincipal_COMBINED:
		var all msp.CombinedPrincipal
		if proto.Unmarshal(p.GetPrincipal(), &all) != nil || len(all.GetPrincipals()) == 0 {
			return false
		}
		for _, one := range all.GetPrincipals() {
			if one.GetPrincipalClassification() == msp.MSPPrincipal_COMBINED || !o.satisfies(s, one) {
				return false
			}
		}
		return true
	case msp.MSPPrincipal_ORGANIZATION_UNIT, msp.MSPPrincipal_ANONYMITY:
		return false // no block validation policy of Fabric's tools uses these
	}
	return false
}

func (o *organisation) hasUnit(cert *x509.Certificate, role msp.MSPRole_MSPRoleType) bool {
	unit, ok := o.units[role]
	return ok && slices.Contains(cert.Subject.OrganizationalUnit, unit)
}

// sameCertificate compares what was signed, not the signature: Fabric normalises the latter.
func sameCertificate(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawTBSCertificate, b.RawTBSCertificate)
}

// verifySignature checks a Fabric signature: over the SHA-256 of the message, low-S for ECDSA; over
// the message itself for Ed25519.
func verifySignature(cert *x509.Certificate, message, signature []byte) error {
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		var rs struct{ R, S *big.Int }
		if rest, err := asn1.Unmarshal(signature, &rs); err != nil || len(rest) > 0 {
			return errors.New("malformed signature")
		}
		if half := new(big.Int).Rsh(key.Params().N, 1); rs.S.Cmp(half) > 0 {
			return errors.New("the signature is not in its canonical form")
		}
		digest := sha256.Sum256(message)
		if !ecdsa.VerifyASN1(key, digest[:], signature) {
			return errors.New("wrong signature")
		}
		return nil
	case ed25519.PublicKey:
		if !ed25519.Verify(key, message, signature) {
			return errors.New("wrong signature")
		}
		return nil
	default:
		return fmt.Errorf("a key of type %T", key)
	}
}
