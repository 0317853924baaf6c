swiches: {gs108: {ports: 8, mbps: 1000}}
