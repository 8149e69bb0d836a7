package ipam
