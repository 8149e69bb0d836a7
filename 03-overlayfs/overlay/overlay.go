// Package overlay makes one tree of many with the kernel's overlayfs.
package overlay
