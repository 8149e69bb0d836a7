package cli

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

var _ = []any{tar.NewReader, bytes.NewReader, context.Background, json.Marshal, errors.New, fmt.Sprint, io.Copy, os.Open, filepath.Join}

func (a *App) buildCommand() *cobra.Command {
	return &cobra.Command{Use: "build", Hidden: true}
}
