// Command waybill-ccbuilder is the external builder of a Fabric peer for chaincode that
// runs as a service. A peer calls it under the names detect, build and release
// (hyperledger-fabric.readthedocs.io, "External Builders and Launchers"). It accepts
// packages of type ccaas and hands their connection.json on; it builds and runs nothing.
// It imports the standard library only.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const maxFileBytes = 1 << 20

func main() {
	if err := run(filepath.Base(os.Args[0]), os.Args[1:]...); err != nil {
		fmt.Fprintln(os.Stderr, "waybill-ccbuilder:", err)
		os.Exit(1)
	}
}

func run(verb string, args ...string) error {
	const connection = "connection.json"
	var source, out string
	switch n := len(args); {
	case verb == "detect" && n == 2:
		return detect(filepath.Join(args[n-1], "metadata.json"))
	case (verb == "build" && n == 3) || (verb == "release" && n == 2):
		source, out = args[0], args[n-1]
	default:
		return fmt.Errorf("call it as detect SOURCE METADATA, build SOURCE METADATA OUT or release BUILT OUT, not %s with %d arguments", verb, n)
	}
	if verb == "release" {
		out = filepath.Join(out, "chaincode", "server")
	}
	return handOn(filepath.Join(source, connection), filepath.Join(out, connection))
}

func detect(path string) error {
	raw, err := read(path)
	if err != nil {
		return err
	}
	var metadata struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &metadata); err != nil {
		return err
	}
	if metadata.Type != "ccaas" {
		return fmt.Errorf("package type %q is not ccaas", metadata.Type)
	}
	return nil
}

func handOn(from, to string) error {
	raw, err := read(from)
	if err != nil {
		return err
	}
	var connection struct {
		Address string `json:"address"`
	}
	if err := json.Unmarshal(raw, &connection); err != nil {
		return fmt.Errorf("connection.json: %w", err)
	}
	if connection.Address == "" {
		return errors.New("connection.json names no address")
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil { //nolint:gosec // the peer names the folder
		return err
	}
	return os.WriteFile(to, raw, 0o600) //nolint:gosec // the peer names the folder
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the peer names the folder
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return raw, nil
}
