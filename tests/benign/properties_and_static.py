class Book:
    LIMIT = 10
    _default = 5

    def __init__(self):
        self.__size = Book.LIMIT

    @property
    def size(self):
        return self.__size

    @size.setter
    def size(self, value):
        self.__size = min(value, self.LIMIT)

    @staticmethod
    def top(frame, n):
        return frame.is_largest(n)

    @classmethod
    def standard(cls):
        book = cls()
        book.size = cls._default
        return book

    def __repr__(self):
        return f"Book({self.size})"

    def __len__(self):
        return self.size

    def __getitem__(self, key):
        return self.size


book = Book.standard()
print(repr(book), len(book))
position = book.top(data.get("close").pct_change(20), book.size)
