package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

func (a *app) newVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a proof offline against the organisations' root certificates",
		Long: `Check a proof that ` + "`waybill prove`" + ` wrote, in either form, with nothing but the root certificates of the
organisations: no network, no server, no state folder. FILE may be - for standard input.

--roots names a folder with one file for each organisation of the channel, MSPID.pem; get each
from the organisation itself (` + "`waybill roots export`" + ` writes those of a connection profile). A majority of
the organisations in the folder must have signed, so it must hold all of them and no others. Each signs
in its own name, so that files under each other's names verify nothing.

Checked: contents against their digests, an event's hash against its body, each leaf and path up to the
root, and of each signer the signature, the role anchor, and the chain to its organisation's root
certificate at the time when it says that it signed. Not checked, since nobody can offline: whether a
signer's certificate was revoked.

Exit code 0 means that everything printed is proven; 1, with a code WB_PROOF_…, that nothing is. What that is,
whoever made the file chose: a program that reads the exit code alone says what it expects with --event or
--expect, in the words of ` + "`waybill prove`" + `, and a valid proof without that fact is refused as WB_PROOF_OTHER.`,
		Example: `  waybill roots export roots/
  waybill verify event-5f2b8c01aa3e.wbproof --roots roots/
  waybill verify event-5f2b8c01aa3e.wbproof --roots roots/ --event HASH --quiet && echo proven
  waybill verify readings.wbproof --roots roots/ --expect "segment urn:epc:id:giai:9521321.logger7 0"
  waybill verify item.wbproof --roots roots/ --body | jq .`,
		Args: cobra.ExactArgs(1),
	}
	folder := cmd.Flags().String("roots", "", "`FOLDER` of root certificates, MSPID.pem")
	body := cmd.Flags().Bool("body", false, "print the proven bodies and nothing else, a line each")
	events := cmd.Flags().StringArray("event", nil, "refuse a proof that does not prove the event of this `HASH`; may be repeated")
	expects := cmd.Flags().StringArray("expect", nil, "likewise for any `FACT`, such as \"segment DEVICE SEQ\"; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *folder == "" {
			return usage("name the folder of root certificates with --roots")
		}
		wanted, err := expectations(*events, *expects)
		if err != nil {
			return err
		}
		organisations, err := readRoots(*folder)
		if err != nil {
			return err
		}
		p, err := readProof(args[0], cmd.InOrStdin())
		if err != nil {
			return err
		}
		v, err := organisations.Verify(p)
		if err == nil {
			err = meets(v, wanted)
		}
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		switch {
		case *body:
			for _, f := range v.Facts {
				if f.Content != nil {
					if _, err := fmt.Fprintf(out, "%s\n", f.Content.Body); err != nil {
						return err
					}
				}
			}
			return nil
		case a.json:
			return writeVerified(out, v)
		case a.quiet:
			return nil
		}
		return printVerified(out, v, organisations)
	}
	return cmd
}

// readRoots reads a folder of root certificates.
func readRoots(folder string) (*proof.Organisations, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fail(exitRefused, codeFile, "`waybill roots export` writes such a folder", "%s", err)
	}
	certificates := map[string][]byte{}
	const most = 1 << 20
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".pem")
		if !ok || e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err == nil && info.Size() > most {
			err = fmt.Errorf("%s is larger than %d bytes", e.Name(), most)
		}
		if err == nil {
			certificates[name], err = os.ReadFile(filepath.Join(folder, e.Name())) //nolint:gosec // the user names the folder
		}
		if err != nil {
			return nil, fail(exitRefused, codeFile, "", "%s", err)
		}
	}
	if len(certificates) == 0 {
		return nil, fail(exitRefused, "WB_PROOF_ROOTS", "`waybill roots export` writes such a folder", "%s has no file MSPID.pem", folder)
	}
	return proof.NewOrganisations(certificates)
}

func writeVerified(w io.Writer, v proof.Verified) error {
	roots := make([]object, len(v.Roots))
	for i, r := range v.Roots {
		roots[i] = object{{"root", proof.ViewRoot(r.Root, len(r.Signers))}, {"signers", r.Signers}, {"organisations", r.Of}}
	}
	views := make([]proof.FactView, len(v.Facts))
	for i, f := range v.Facts {
		views[i] = proof.ViewFact(f)
	}
	kind := "inclusion"
	if v.Kind == proof.Consistency {
		kind = "consistency"
	}
	return writeJSON(w, object{{"verified", true}, {"kind", kind}, {"roots", roots}, {"facts", views}})
}

func printVerified(w io.Writer, v proof.Verified, organisations *proof.Organisations) error {
	last := v.Roots[len(v.Roots)-1]
	if v.Kind == proof.Consistency {
		first := v.Roots[0].Root
		if _, err := fmt.Fprintf(w, "PROVEN: the log of %d leaves after %d blocks of channel %s continues the log of %d leaves after %d blocks: nothing was changed or taken out.\n",
			last.Root.Size, last.Root.Height, last.Root.Channel, first.Size, first.Height); err != nil {
			return err
		}
	}
	const shown = 20
	for i, f := range v.Facts {
		if i == shown {
			if _, err := fmt.Fprintf(w, "and %d more, all proven; --json names them\n", len(v.Facts)-shown); err != nil {
				return err
			}
			break
		}
		enclosed := "; its content is not enclosed, its digest is " + f.Digest.String()
		if f.Content != nil {
			enclosed = "; the enclosed content is what was recorded"
			if f.Kind() == wire.KindEvent {
				enclosed = "; the enclosed body is what was recorded, and has that hash"
			}
			if f.Kind() == wire.KindEvent || f.Kind() == wire.KindRestatement {
				if e, err := epcis.ParseEvent(f.Content.Head, f.Content.Body); err == nil && e.IsErrorDeclaration() {
					enclosed += "; it declares the event in error, which holds if its recorder says so"
				}
			}
		}
		if _, err := fmt.Fprintf(w, "PROVEN: %s was recorded by %s in block %d of channel %s, transaction %s, which says %s%s.\n",
			f, f.MSPID, f.Block, last.Root.Channel, f.TxID, f.At.Time().Format("2006-01-02T15:04:05Z"), enclosed); err != nil {
			return err
		}
	}
	for _, r := range v.Roots {
		names := make([]string, len(r.Signers))
		for i, s := range r.Signers {
			names[i] = fmt.Sprintf("%s (%s)", s.Organisation, s.At.Time().Format("2006-01-02T15:04:05Z"))
		}
		if _, err := fmt.Fprintf(w, "The root %s of %d leaves after %d blocks is signed by %d of the %d organisations %s: %s.\n",
			r.Root.Hash, r.Root.Size, r.Root.Height, len(r.Signers), r.Of, strings.Join(organisations.Names(), ", "), strings.Join(names, ", ")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, "Not covered: whether a signer's certificate was revoked, and whether what was recorded is true.")
	return err
}
