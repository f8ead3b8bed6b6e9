// Package waybill holds the sources that training is made of, so that a program can say what it trains
// with whatever built it. It imports nothing of the module.
package waybill

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// training is the source of analytics/train and of every package of this module that it rests on.
//
//go:embed analytics/calibrate/*.go analytics/canon/*.go analytics/coldchain/*.go analytics/detect/*.go
//go:embed analytics/detect/journey/*.go analytics/detect/sensor/*.go analytics/detect/sequence/*.go analytics/detect/series/*.go
//go:embed analytics/dataset/*.go analytics/feature/*.go analytics/provenance/*.go analytics/score/*.go analytics/simulate/*.go analytics/train/*.go
//go:embed chaincode/ledger/*.go chaincode/wire/*.go epcis/*.go epcis/unit/*.go
var training embed.FS

// TrainingSource gives the digest of the sources that training is made of: SHA-256 over a line for each
// file, in order of their paths, of its SHA-256 in hexadecimal, two spaces and its path. Tests are left out.
func TrainingSource() ([sha256.Size]byte, error) {
	files, err := TrainingFiles()
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	h := sha256.New()
	for _, path := range files {
		text, err := training.ReadFile(path)
		if err != nil {
			return [sha256.Size]byte{}, fmt.Errorf("sources: %w", err)
		}
		fmt.Fprintf(h, "%x  %s\n", sha256.Sum256(text), path)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// TrainingFiles lists the files that TrainingSource digests, in its order.
func TrainingFiles() ([]string, error) {
	var files []string
	err := fs.WalkDir(training, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, "_test.go") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sources: %w", err)
	}
	slices.Sort(files)
	return files, nil
}
