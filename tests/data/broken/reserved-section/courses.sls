courses: {kernel: {students: 20}}
