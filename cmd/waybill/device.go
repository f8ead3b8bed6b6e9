package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

const keyExample = `  waybill device register urn:epc:id:giai:9521321.logger7 --key logger7.pem
  waybill readings push day1.csv --device urn:epc:id:giai:9521321.logger7 --key logger7.pem`

func (a *app) newDeviceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "device", Short: "Register devices, and ask about them", Args: cobra.NoArgs, RunE: groupOnly}
	cmd.AddCommand(a.newDeviceRegisterCommand(), a.newDeviceShowCommand(), a.newDeviceListCommand())
	return cmd
}

func (a *app) newDeviceRegisterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "register ID",
		Short: "Put a device and its public key on the ledger",
		Long: `Put a device and its public key on the ledger, so that its readings can be recorded. ID is the
device's GIAI, as EPC URN or Digital Link. --key names the file of its private key (PKCS 8 or SEC 1,
PEM, Ed25519 or ECDSA P-256); if there is no such file, a new Ed25519 key is made and written there,
readable by you alone, and removed again if the registration is refused. A device that keeps its key
to itself gives --public-key instead.`,
		Example: keyExample,
		Args:    cobra.ExactArgs(1),
	}
	key := cmd.Flags().String("key", "", "`FILE` of the device's private key; made if it is not there")
	public := cmd.Flags().String("public-key", "", "`FILE` of the device's public key (PKIX, PEM)")
	cmd.MarkFlagsOneRequired("key", "public-key")
	cmd.MarkFlagsMutuallyExclusive("key", "public-key")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if epcis.KindOf(args[0]) != epcis.KindGIAI {
			return fail(exitRefused, ledger.CodeMalformed, "a GIAI is written urn:epc:id:giai:… or https://id.gs1.org/8004/…", "a device is named by a GIAI, %q is none", args[0])
		}
		return a.ask(cmd, profile.IdentityRegistrar, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			device, made, err := deviceKey(args[0], *key, *public)
			if err != nil {
				return err
			}
			r, err := waybillv1.NewTelemetryServiceClient(conn).RegisterDevices(ctx, &waybillv1.RegisterDevicesRequest{Devices: []*waybillv1.DeviceKey{device}})
			if made {
				made = a.settleKey(cmd, *key, r, err)
			}
			if made && !a.quiet {
				fmt.Fprintf(cmd.ErrOrStderr(), "made a new key: %s\n", *key)
			}
			if err != nil {
				return err
			}
			if len(r.GetResults()) != 1 {
				return fmt.Errorf("%s: the server gave %d answers to one device", codeInternal, len(r.GetResults()))
			}
			result := r.GetResults()[0]
			switch {
			case a.json:
				err = writeView(cmd.OutOrStdout(), result)
			case result.GetStatus() != waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED:
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s (transaction %s)\n", result.GetId(), wordOf(result.GetStatus()), result.GetTransactionId())
			}
			if err == nil && result.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
				return fail(exitRefused, cmp.Or(result.GetCode(), codeRefused), "", "%s", result.GetMessage())
			}
			return err
		})
	}
	return cmd
}

// settleKey removes a newly made key whose registration was refused, and tells whether it stays. It
// stays where the outcome is not known: the device may be registered with it.
func (a *app) settleKey(cmd *cobra.Command, file string, r *waybillv1.RegisterDevicesResponse, err error) bool {
	switch {
	case err != nil:
		switch status.Code(err) {
		case codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument, codes.ResourceExhausted, codes.Unimplemented:
		default: // the device may have been registered all the same
			return true
		}
	case len(r.GetResults()) != 1 || r.GetResults()[0].GetStatus() != waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED:
		return true
	}
	if err := os.Remove(file); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "the new key stays: %v\n", err)
		return true
	}
	return false
}

// deviceKey gives the device as it is registered; made tells that its key is new.
func deviceKey(id, keyFile, publicFile string) (device *waybillv1.DeviceKey, made bool, err error) {
	var public any
	if publicFile != "" {
		if public, err = readPublicKey(publicFile); err != nil {
			return nil, false, err
		}
	} else {
		var signer crypto.Signer
		signer, err = readPrivateKey(keyFile)
		if errors.Is(err, fs.ErrNotExist) {
			signer, err = makeKey(keyFile)
			made = true
		}
		if err != nil {
			return nil, false, err
		}
		public = signer.Public()
	}
	algorithm, err := algorithmOf(public)
	if err != nil {
		return nil, false, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, false, err
	}
	return &waybillv1.DeviceKey{Id: id, Algorithm: algorithm, PublicKey: der}, made, nil
}

func algorithmOf(public any) (waybillv1.KeyAlgorithm, error) {
	switch k := public.(type) {
	case ed25519.PublicKey:
		return waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519, nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return waybillv1.KeyAlgorithm_KEY_ALGORITHM_ECDSA_P256, nil
		}
	}
	return 0, fail(exitRefused, codeInvalid, "", "a device's key is Ed25519 or ECDSA on P-256, not %T", public)
}

// maxKeyFile is far above any PEM file of one key.
const maxKeyFile = 64 << 10

// readPEM gives the first block of a file that is of one of the types wanted. The curve's parameters,
// which openssl writes before a key, are passed over.
func readPEM(file string, want ...string) (*pem.Block, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fail(exitRefused, codeFile, "", "%s is not a PEM file of one key", file)
	}
	raw, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	block, rest := pem.Decode(raw)
	for block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	switch {
	case block == nil:
		return nil, fail(exitRefused, codeInvalid, "", "%s holds no PEM block %q", file, want[0])
	case !slices.Contains(want, block.Type):
		hint := ""
		if slices.Contains(want, pkcs8Block) {
			hint = "openssl pkcs8 -topk8 -nocrypt -in " + file + " -out key.pem writes a private key as it is wanted"
		}
		return nil, fail(exitRefused, codeInvalid, hint, "%s holds a PEM block %q, not %q", file, block.Type, want[0])
	case block.Headers["DEK-Info"] != "":
		return nil, fail(exitRefused, codeInvalid, "openssl pkcs8 -topk8 -nocrypt -in "+file+" -out key.pem writes it in the clear", "%s is encrypted", file)
	}
	return block, nil
}

// The PEM types of keys.
const (
	publicBlock = "PUBLIC KEY"
	pkcs8Block  = "PRIVATE KEY"
	sec1Block   = "EC PRIVATE KEY"
)

func readPublicKey(file string) (any, error) {
	block, err := readPEM(file, publicBlock)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fail(exitRefused, codeInvalid, "", "%s: %w", file, err)
	}
	return key, nil
}

func readPrivateKey(file string) (crypto.Signer, error) {
	block, err := readPEM(file, pkcs8Block, sec1Block)
	if err != nil {
		return nil, err
	}
	var key any
	if block.Type == sec1Block {
		key, err = x509.ParseECPrivateKey(block.Bytes)
	} else {
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fail(exitRefused, codeInvalid, "", "%s: %w", file, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fail(exitRefused, codeInvalid, "", "%s: a %T does not sign", file, key)
	}
	if _, err := algorithmOf(signer.Public()); err != nil {
		return nil, err
	}
	return signer, nil
}

// makeKey writes a new private key to a file that must not exist. The file is complete before it is
// there: half a key under a device's name would be a device lost.
func makeKey(file string) (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".key-*")
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // the other name stays
	err = pem.Encode(tmp, &pem.Block{Type: pkcs8Block, Bytes: der})
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Link(tmp.Name(), file) // fails if the file has appeared meanwhile
	}
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	return key, nil
}

func (a *app) newDeviceShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show a device and where its chain of segments stands",
		Example: "  waybill device show urn:epc:id:giai:9521321.logger7",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
				r, err := waybillv1.NewTelemetryServiceClient(conn).GetDevice(ctx, &waybillv1.GetDeviceRequest{Id: args[0]})
				if err != nil {
					return err
				}
				d := r.GetDevice()
				if a.json {
					return writeView(cmd.OutOrStdout(), d)
				}
				return facts(cmd.OutOrStdout(), "device", d.GetId(), "key", wordOf(d.GetAlgorithm()), "owner", d.GetOwner(),
					"registered", stamp(d.GetRegisteredAt()), "transaction", d.GetTransactionId(),
					"segments", strconv.FormatUint(d.GetNextSequence(), 10), "last digest", d.GetLastDigest(),
					"last reading", stamp(d.GetLastReading()), "container", d.GetContainer())
			})
		},
	}
}

func (a *app) newDeviceListCommand() *cobra.Command {
	list := &cobra.Command{
		Use:     "list",
		Short:   "List devices, by their id",
		Example: "  waybill device list --json | jq -r .id",
		Args:    cobra.NoArgs,
	}
	var l lister
	l.flags(list, "devices")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			api := waybillv1.NewTelemetryServiceClient(conn)
			t := a.newTable(cmd, "DEVICE", "OWNER", "SEGMENTS", "LAST READING", "CONTAINER")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListDevicesResponse, int, error) {
				r, err := api.ListDevices(ctx, &waybillv1.ListDevicesRequest{PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetDevices()), show(a, cmd.OutOrStdout(), t, r.GetDevices(), func(d *waybillv1.Device) []string {
					return []string{d.GetId(), d.GetOwner(), strconv.FormatUint(d.GetNextSequence(), 10), stamp(d.GetLastReading()), d.GetContainer()}
				})
			})
		})
	}
	return list
}
